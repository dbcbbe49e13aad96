// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>

#include <vector>

#include "common/bar.h"
#include "common/progress_state.h"
#include "common/size.h"
#include "common/usage_error.h"
#include "qcow2-to-stdout/command_line.h"
#include "qcow2-to-stdout/job.h"

namespace qcow2stream::cli {
namespace {

TEST(Size, UnitsArePowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("65536"), 65536U);
  EXPECT_EQ(parse_size("64k"), 65536U);
  EXPECT_EQ(parse_size("64K"), 65536U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("2M"), 2U << 20);
  EXPECT_EQ(parse_size("3GiB"), 3ULL << 30);
  EXPECT_EQ(parse_size("15T"), 15ULL << 40);
  EXPECT_EQ(parse_size("1P"), 1ULL << 50);
  EXPECT_EQ(parse_size("15E"), 15ULL << 60);
  EXPECT_EQ(parse_size("0x10000"), 65536U);
  EXPECT_EQ(parse_size("18446744073709551615"), UINT64_MAX);
}

TEST(Size, WhatIsNoSizeIsRefused) {
  for (const char* text : {"",         "k",      "-1",    "+1",  " 1",  "1 ",
                           "1.5k",     "64kB",   "64MB",  "64B", "64b", "64ki",
                           "64Kib",    "0x",     "0x10k", "0xg", "16E", "18446744073709551616",
                           "disk.raw", "64KiBx", "1m"}) {
    EXPECT_THROW(parse_size(text), std::invalid_argument) << text;
  }
}

TEST(Size, ForPeople) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(1536), "1.5 KiB");
  EXPECT_EQ(format_size((1ULL << 30) - 1), "1.0 GiB");
}

ProgressState half_way() {
  return {.title = "a-disk-with-a-rather-long-name.raw",
          .step = "writing",
          .percent = 42,
          .done = 2ULL << 30,
          .total = 5ULL << 30,
          .bytes_per_second = 1e9,
          .is_last_step = true};
}

std::size_t bar_length(const std::string& line) {
  const std::size_t begin = line.find('[');
  return begin == std::string::npos ? 0 : line.find(']') - begin - 1;
}

TEST(Bar, UsesTheWidthAndNeverMore) {
  ProgressState state = half_way();
  for (unsigned width = 0; width < 200; ++width) {
    EXPECT_LE(bar_line(state, width).size(), width);
    EXPECT_LE(last_line(state.title, 5ULL << 30, 4.2, width).size(), width);
  }
  state.title = "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4.raw";
  for (unsigned width = 0; width < 200; ++width) {
    const std::string line = bar_line(state, width);
    EXPECT_LE(line.size(), width);
    const std::size_t dots = line.find("...");
    if (dots != std::string::npos) {
      EXPECT_NE(static_cast<unsigned char>(line[dots + 3]) & 0xc0, 0x80) << line;
    }
  }
  const std::string line = bar_line(half_way(), 120);
  for (const char* part :
       {"long-name.raw", "writing", "42%", "[====", "2.0 GiB", "953.7 MiB/s", "0:03 left"}) {
    EXPECT_NE(line.find(part), std::string::npos) << line;
  }
}

TEST(Bar, ThereIsABarOnEveryTerminal) {
  for (const unsigned width : {20U, 40U, 60U, 79U, 80U, 132U}) {
    const std::string line = bar_line(half_way(), width);
    EXPECT_GE(bar_length(line), 10U) << line;
    EXPECT_NE(line.find("42%"), std::string::npos) << line;
    if (width >= 40) {
      EXPECT_NE(line.find("writing"), std::string::npos) << line;
      EXPECT_NE(line.find("0:03 left"), std::string::npos) << line;
    }
  }
}

// The bar is the percentage, and neither its length nor its place depends on anything else.
TEST(Bar, HasOneScale) {
  for (const unsigned width : {40U, 60U, 79U, 132U}) {
    ProgressState state = half_way();
    const std::string line = bar_line(state, width);
    state.step = "survey";
    state.is_last_step = false;
    state.done = 1;
    state.total = 1ULL << 50;
    state.bytes_per_second = 0;
    const std::string other = bar_line(state, width);
    EXPECT_EQ(line.find('['), other.find('[')) << other;
    EXPECT_EQ(bar_length(line), bar_length(other)) << other;
    EXPECT_EQ(line.find('>'), other.find('>')) << other;
    EXPECT_EQ(other.find("left"), std::string::npos) << other;
  }
}

TEST(Bar, Durations) {
  using std::chrono::seconds;
  EXPECT_EQ(format_duration(seconds(5)), "0:05");
  EXPECT_EQ(format_duration(seconds(754)), "12:34");
  EXPECT_EQ(format_duration(seconds(3723)), "1:02:03");
}

TEST(Bar, AStreamOfUnknownSizeShowsWhatHasCome) {
  const ProgressState state{
      .title = "standard input", .step = "reading", .done = 3U << 20, .bytes_per_second = 1 << 20};
  EXPECT_EQ(bar_line(state, 80), "standard input  reading  3.0 MiB  1.0 MiB/s");
  for (unsigned width = 1; width < 80; ++width) {
    EXPECT_LE(bar_line(state, width).size(), width);
  }
}

TEST(Percent, OneScaleOverBothSteps) {
  Progress progress;
  EXPECT_EQ(percent_done(progress, {.survey = 10}), 0U);
  progress.survey_total = 1000;
  progress.survey_done = 500;
  EXPECT_EQ(percent_done(progress, {.survey = 10}), 5U);
  // A survey that ended before the disk's end (holes) is complete when the emission begins.
  progress.emit_total = 200;
  EXPECT_EQ(percent_done(progress, {.survey = 10}), 10U);
  progress.emit_done = 100;
  EXPECT_EQ(percent_done(progress, {.survey = 10}), 55U);
  EXPECT_EQ(percent_done(progress, {}), 50U);
  progress.emit_done = 200;
  EXPECT_EQ(percent_done(progress, {.survey = 10}), 100U);
}

TEST(Percent, AStreamOfKnownSizeComesFirst) {
  const Shares shares{.spool = 50, .survey = 10};
  Progress progress;
  progress.spool_total = 1000;
  EXPECT_EQ(percent_done(progress, shares), 0U);
  progress.spool_done = 500;
  EXPECT_EQ(percent_done(progress, shares), 25U);
  progress.spool_done = 1000;
  EXPECT_EQ(percent_done(progress, shares), 50U);
  progress.survey_total = progress.survey_done = 1000;
  EXPECT_EQ(percent_done(progress, shares), 55U);
  progress.emit_total = 100;
  progress.emit_done = 100;
  EXPECT_EQ(percent_done(progress, shares), 100U);
}

TEST(Percent, AStreamOfUnknownSizeTakesNothingOfTheScale) {
  const Shares shares{.spool = 50, .survey = 10};
  Progress progress;
  progress.spool_done = 1000;
  EXPECT_EQ(percent_done(progress, shares), 0U);
  progress.survey_total = progress.survey_done = 1000;
  EXPECT_EQ(percent_done(progress, shares), 10U);
}

CommandLine said(std::vector<std::string> words) {
  words.insert(words.begin(), "qcow2-to-stdout");
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return parse_command_line(static_cast<int>(words.size()), argv.data());
}

Job parse(const std::vector<std::string>& words) {
  return make_job(said(words));
}

std::string disk_name(const Job& job) {
  return name_of(job.disk.source);
}

std::string problem(const std::vector<std::string>& words) {
  try {
    parse(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(CommandLine, OptionsMayStandAnywhere) {
  const Job job = parse({"-c", "4096", "disk", "-r8", "--scan=holes"});
  EXPECT_EQ(disk_name(job), "disk");
  EXPECT_EQ(job.image.cluster_size, 4096U);
  EXPECT_EQ(job.image.refcount_bits, 8U);
  EXPECT_EQ(job.survey.scan, Scan::kHoles);
  EXPECT_EQ(disk_name(parse({"--", "-c"})), "-c");
  EXPECT_EQ(problem({"--", "-c", "-r"}),
            "-r: unexpected argument; the image goes to standard output: qcow2-to-stdout ... -c > "
            "-r");
}

TEST(CommandLine, DataFileNameIsTheDiskUnlessGiven) {
  EXPECT_EQ(parse({"-d", "disk"}).image.data_file.value().name, "disk");
  EXPECT_TRUE(parse({"-dR", "disk"}).image.data_file.value().raw);
  EXPECT_EQ(parse({"disk", "--data-file=x y"}).image.data_file.value().name, "x y");
  EXPECT_TRUE(parse({"-R", "disk"}).image.data_file.has_value());
  EXPECT_FALSE(parse({"disk"}).image.data_file.has_value());
}

TEST(CommandLine, StandardInput) {
  EXPECT_EQ(disk_name(parse({"-"})), "standard input");
  EXPECT_EQ(disk_name(parse({"--", "-"})), "standard input");
  EXPECT_EQ(disk_name(parse({"./-"})), "./-");
  EXPECT_EQ(announced_size(parse({"--size=1M", "-"}).disk.source), 1U << 20);
  EXPECT_EQ(announced_size(parse({"-", "--size", "0"}).disk.source), 0U);
  EXPECT_EQ(parse({"-", "--spool-dir", "/srv"}).disk.reading.spool_directory, "/srv");
  EXPECT_EQ(problem({"--size", "1M", "disk"}),
            "--size: is the size of standard input (-); disk has its own");
  EXPECT_EQ(problem({"--spool-dir=", "-"}), "--spool-dir: '' is not a name");
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"-", "-d"}, {"-", "-R"}, {"-", "--data-file=x"}}) {
    EXPECT_NE(problem(words).find("a file that stays"), std::string::npos) << problem(words);
  }
}

TEST(CommandLine, ProblemsNameTheOption) {
  EXPECT_EQ(problem({"-c", "disk.raw", "x"}),
            "-c, --cluster-size: 'disk.raw' is not a size; -c sets the cluster size; to compress, "
            "use --compress");
  EXPECT_EQ(problem({"--measure", "json", "disk"}),
            "disk: unexpected argument; did you mean --measure=json?");
  EXPECT_EQ(problem({"disk", "--measure", "json"}),
            "json: unexpected argument; did you mean --measure=json?");
  EXPECT_EQ(problem({"a", "b"}),
            "b: unexpected argument; the image goes to standard output: qcow2-to-stdout ... a > b");
  EXPECT_EQ(problem({"-r", "8", "-v", "2", "disk"}),
            "-r, --refcount-bits: refcounts of 8 bits need version 3");
  EXPECT_EQ(problem({"disk", "-c"}), "-c, --cluster-size: needs a value");
  EXPECT_EQ(problem({"disk", "--quiet=yes"}), "-q, --quiet: takes no value");
  EXPECT_EQ(problem({}), "DISK is missing; see --help");
  for (const auto& words : std::vector<std::vector<std::string>>{{"-x", "disk"},
                                                                 {"--nonsense", "disk"},
                                                                 {"--s", "x", "disk"},
                                                                 {"-o", "x", "disk"},
                                                                 {"-O", "vmdk", "disk"},
                                                                 {"-f", "vm dk", "disk"},
                                                                 {"-T", "many", "disk"},
                                                                 {"--progress=99", "disk"},
                                                                 {"--progress=1", "disk"},
                                                                 {"--scan", "some", "disk"}}) {
    EXPECT_NE(problem(words), "") << words[0];
  }
}

TEST(Help, FitsAnyTerminal) {
  const std::string text = help_text();
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 96);
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    EXPECT_LE(end - begin, 80U) << text.substr(begin, end - begin);
  }
}

}  // namespace
}  // namespace qcow2stream::cli
