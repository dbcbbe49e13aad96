// SPDX-License-Identifier: GPL-2.0-or-later
//
// Command lines: the input is the arguments, one a line. Each gives options that go together or a
// message of one line, and the same ones when it is read again, whatever was read before and
// whether or not POSIXLY_CORRECT is set.

#include "qcow2-to-stdout/options.h"
#include "common/message.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

void check(const cli::Options& options) {
  using cli::Action;
  if (options.action == Action::kHelp || options.action == Action::kVersion) return;
  require(!options.disk.empty(), "no DISK");
  const auto problem = find_problem(options.image);
  require(!problem, problem ? problem->reason : "");
  require(options.image.data_file.has_value() + options.image.backing_file.has_value() < 2,
          "a data file and a backing file");
  const int changes = options.base.has_value() + options.dirty_bitmap.has_value() +
                      options.shallow + options.changed_map.has_value();
  require(changes <= 1, "two sources of changes");
  require(!options.image.backing_file || changes == 1 || options.plan,
          "a backing file for nothing");
  require(!options.size || cli::reads_stdin(options), "--size of something else");
}

std::string text_of(const cli::Options& o) {
  const ImageOptions& i = o.image;
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", int(o.action), o.disk,
                     fmt::join(o.server, " "), o.format, int(o.scan), i.cluster_size,
                     i.refcount_bits, i.version, i.extended_l2, i.compression.has_value(),
                     o.offset.value_or(1), o.length.value_or(1), o.size.value_or(1), o.threads,
                     o.progress_fd);
}

// What comes of a command line, in words.
std::string outcome(std::vector<std::string> words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  try {
    const auto options = cli::parse_options(static_cast<int>(words.size()), arguments.data());
    check(options);
    return text_of(options);
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
