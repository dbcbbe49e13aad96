// SPDX-License-Identifier: GPL-2.0-or-later
//
// Command lines: the input is the arguments, one a line. Each gives options that go together or a
// message of one line, and the same ones when it is read again, whatever was read before and
// whether or not POSIXLY_CORRECT is set.

#include "common/message.h"
#include "common/usage_error.h"
#include "qcow2-to-stdout/command_line.h"
#include "qcow2-to-stdout/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "input.h"

namespace qcow2stream::fuzz {
namespace {

// The program's name and the arguments.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words = {cli::kProgramName};
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  // As long as an argument can be.
  for (std::string& word : words) word.resize(std::min(word.find('\0'), word.size()));
  return words;
}

void check(const cli::CommandLine& said, const cli::Job& job) {
  require(!cli::name_of(job.disk.source).empty(), "no DISK");
  const auto problem = find_problem(job.image);
  require(!problem, problem ? problem->reason : "");
  require(job.image.data_file.has_value() + job.image.backing_file.has_value() < 2,
          "a data file and a backing file");
  const cli::Reading& reading = job.disk.reading;
  const int changes = job.base.has_value() + reading.nbd.bitmap.has_value() +
                      reading.top_image_unit.has_value() + job.survey.changed.has_value();
  require(changes <= 1, "two sources of changes");
  require(!job.image.backing_file || changes == 1 || said.plan, "a backing file for nothing");
  require(!said.size || cli::announced_size(job.disk.source) == said.size,
          "--size of something else");
}

std::string text_of(const cli::Job& job) {
  const ImageOptions& i = job.image;
  const cli::OutputJob& o = job.output;
  return fmt::format(
      "{} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", job.disk.source.index(),
      cli::name_of(job.disk.source), cli::format_of(job.disk.reading), int(job.survey.scan),
      i.cluster_size, i.refcount_bits, i.version, i.extended_l2, i.compression.has_value(),
      o.measure.has_value(), o.range.offset.value_or(1), o.range.length.value_or(1),
      cli::announced_size(job.disk.source).value_or(1), o.threads, job.telling.progress_fd);
}

// What comes of a command line, in words.
std::string outcome(std::vector<std::string> words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  try {
    const auto said = cli::parse_command_line(static_cast<int>(words.size()), arguments.data());
    if (said.text) return "text";
    const cli::Job job = cli::make_job(said);
    check(said, job);
    return text_of(job);
  } catch (const cli::UsageError& error) {
    std::string message = error.what();
    require(!message.empty() && message.find('\n') == std::string::npos, "message: " + message);
    return message;
  }
}

void check_words(const std::vector<std::string>& words) {
  ::unsetenv("POSIXLY_CORRECT");
  const std::string first = outcome(words);
  ::setenv("POSIXLY_CORRECT", "1", 1);
  const std::string second = outcome(words);
  require(first == second, "'" + first + "', then '" + second + "'");
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("options", [&] {
    const std::string text(data, data + size);
    qcow2stream::fuzz::check_words(qcow2stream::fuzz::words_of(text));
  });
}
