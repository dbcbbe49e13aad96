// SPDX-License-Identifier: GPL-2.0-or-later
//
// getopt_long does the parsing: it knows values that must be attached (--measure=json), which is
// what keeps `--measure disk.raw` unambiguous, and it leaves the operands where they are.

#include "qcow2-to-stdout/options.h"

#include <fmt/format.h>
#include <getopt.h>

#include <string_view>
#include <vector>

#include "common/shell_word.h"
#include "qcow2-to-stdout/option_checks.h"
#include "qcow2-to-stdout/option_hints.h"
#include "qcow2-to-stdout/option_table.h"
#include "qcow2-to-stdout/plan_options.h"

namespace qcow2stream::cli {
namespace {

constexpr int kFirstLongOnly = 256;  // getopt's return values for options without a letter

// The table as getopt_long wants it.
class GetoptTables {
 public:
  GetoptTables() {
    for (const OptionGroup& group : option_groups()) {
      for (const OptionSpec& spec : group.options) add(spec);
    }
    longs_.push_back({});
  }

  [[nodiscard]] const char* letters() const { return letters_.c_str(); }
  [[nodiscard]] const option* longs() const { return longs_.data(); }

  [[nodiscard]] const OptionSpec* find(int value) const {
    for (const Entry& entry : entries_) {
      if (entry.value == value || (entry.spec->letter != 0 && entry.spec->letter == value)) {
        return entry.spec;
      }
    }
    return nullptr;
  }

 private:
  struct Entry {
    int value;
    const OptionSpec* spec;
  };

  void add(const OptionSpec& spec) {
    const int value = kFirstLongOnly + static_cast<int>(entries_.size());
    entries_.push_back({value, &spec});
    if (spec.letter != 0) {
      letters_ += spec.letter;
      // A letter takes no attached value: -dR is -d -R.
      if (spec.value == Value::kRequired) letters_ += ':';
    }
    if (!spec.name.empty()) {
      const int has_value = spec.value == Value::kNone       ? no_argument
                            : spec.value == Value::kRequired ? required_argument
                                                             : optional_argument;
      longs_.push_back({spec.name.data(), has_value, nullptr, value});
    }
  }

  // '-': hand out operands in place, also under POSIXLY_CORRECT. ':': say what is missing.
  std::string letters_ = "-:";
  std::vector<option> longs_;
  std::vector<Entry> entries_;
};

void apply(const OptionSpec& spec, const char* value, Parsed& parsed) {
  try {
    spec.apply(parsed, value);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", display_name(spec), error.what()));
  }
}

class Parser {
 public:
  Parser(int argc, char** argv) : argc_(argc), argv_(argv) {}

  Parsed parse() {
    optind = 0;  // glibc: start afresh
    opterr = 0;
    for (int found = 0;
         (found = getopt_long(argc_, argv_, tables_.letters(), tables_.longs(), nullptr)) != -1;) {
      if (found == 1) {
        operand(optarg);
      } else if (found == '?') {
        report_unknown();
      } else if (found == ':') {
        const OptionSpec* spec = tables_.find(optopt);
        throw UsageError(fmt::format("{}: needs a value", display_name(*spec)));
      } else {
        const OptionSpec& spec = *tables_.find(found);
        last_without_value_ = spec.value == Value::kAttached && optarg == nullptr ? &spec : nullptr;
        apply(spec, optarg, parsed_);
        parsed_.options.given.insert(spec.name);
        if (wants_text_only()) return std::move(parsed_);
      }
    }
    while (optind < argc_) operand(argv_[optind++]);
    return std::move(parsed_);
  }

 private:
  // --help and --version hold whatever else stands on the line.
  [[nodiscard]] bool wants_text_only() const {
    return parsed_.options.action == Action::kHelp || parsed_.options.action == Action::kVersion;
  }

  void report_unknown() const {
    // A long option that takes no value, or a letter that does not exist, or no option at all.
    if (const OptionSpec* spec = tables_.find(optopt);
        spec != nullptr && optopt >= kFirstLongOnly) {
      throw UsageError(fmt::format("{}: takes no value", display_name(*spec)));
    }
    // getopt stays at a word of letters until it has dealt with the last one.
    const bool is_letter = optopt > 0 && optopt < kFirstLongOnly;
    const char* next = optind < argc_ ? argv_[optind] : "";
    const std::string_view word = argv_[optind - 1];
    if (!is_letter) throw UsageError(unknown_name_text(word));
    const auto letter = static_cast<char>(optopt);
    const bool is_last =
        word.size() > 1 && word[0] == '-' && word[1] != '-' && word.ends_with(letter);
    throw UsageError(unknown_letter_text(letter, is_last ? word : next, is_last ? next : ""));
  }

  void operand(const char* word) {
    if (!has_disk_) {
      has_disk_ = true;
      // An empty word names nothing.
      if (*word != 0)
        parsed_.disk = word == std::string_view("[") ? server_program() : source_of(word);
      before_disk_ = last_without_value_;
    } else {
      unexpected_operand(word);
    }
    last_without_value_ = nullptr;
  }

  // [ CMD ARGS... ], up to the bracket that closes it: nothing in between is an option of ours.
  Program server_program() {
    Program program;
    while (optind < argc_) {
      const std::string word = argv_[optind++];
      if (word == "]" && program.command.empty()) break;
      if (word == "]") return program;
      program.command.push_back(word);
    }
    throw UsageError("[: a server program is written as [ CMD ARGS... ], with spaces around");
  }

  // `--measure json disk.raw`: the value of an option that wants it attached was taken for DISK.
  [[noreturn]] void unexpected_operand(const char* word) const {
    const OptionSpec* option = last_without_value_ != nullptr ? last_without_value_ : before_disk_;
    const std::string value = last_without_value_ != nullptr ? word : disk_name();
    std::string message = fmt::format("{}: unexpected argument", word);
    if (option != nullptr) {
      message += fmt::format("; did you mean --{}={}?", option->name, value);
    } else {
      message += fmt::format("; the image goes to standard output: qcow2-to-stdout ... {} > {}",
                             shell_word(disk_name()), shell_word(word));
    }
    throw UsageError(message);
  }

  [[nodiscard]] std::string disk_name() const { return parsed_.disk ? name_of(*parsed_.disk) : ""; }

  int argc_;
  char** argv_;
  GetoptTables tables_;
  Parsed parsed_;
  bool has_disk_ = false;
  const OptionSpec* last_without_value_ = nullptr;  // the option just before this argument, if such
  const OptionSpec* before_disk_ = nullptr;
};

// In each cluster of an image with extended L2 entries (specification).
constexpr std::uint64_t kSubclusters = 32;

// The unit in which the image leaves parts to its backing file.
std::uint64_t increment_unit(const ImageOptions& image) {
  const bool subclusters = image.extended_l2 && !image.compression;
  return subclusters ? image.cluster_size / kSubclusters : image.cluster_size;
}

// What leaves something out might not get to the end of a stream, which has to be looked at;
// compressing reads what it has no memory for a second time, and so does what was compared.
bool is_one_pass(const Options& options) {
  return options.scan == Scan::kNone && !options.image.compression && !options.base &&
         !options.changed_map;
}

std::string_view option_of(OptionProblem::Field field) {
  switch (field) {
    case OptionProblem::Field::kClusterSize:
      return "-c, --cluster-size";
    case OptionProblem::Field::kRefcountBits:
      return "-r, --refcount-bits";
    case OptionProblem::Field::kVersion:
      return "-v, --qcow2-version";
    case OptionProblem::Field::kExtendedL2:
      return "--extended-l2";
    case OptionProblem::Field::kDataFile:
      return "-d, --data-file";
    case OptionProblem::Field::kBackingFile:
      return "-B, --backing-file";
    case OptionProblem::Field::kCompression:
      return "--compress";
  }
  return "";
}

}  // namespace

std::string display_name(const OptionSpec& spec) {
  if (spec.name.empty()) return fmt::format("-{}", spec.letter);
  if (spec.letter == 0) return fmt::format("--{}", spec.name);
  return fmt::format("-{}, --{}", spec.letter, spec.name);
}

std::string disk_name(const Options& options) {
  return name_of(options.source);
}

Input disk_of(const Options& options) {
  Input input{.source = options.source,
              .reading = {.format = options.format,
                          .nbd = options.nbd,
                          .isolate = options.isolate,
                          .force_share = options.force_share,
                          .only_first = options.virtual_size,
                          .in_one_pass = is_one_pass(options),
                          .spool_directory = options.spool_directory}};
  input.reading.nbd.bitmap = options.dirty_bitmap;
  if (options.shallow) input.reading.top_image_unit = increment_unit(options.image);
  return input;
}

std::optional<Input> base_of(const Options& options) {
  if (!options.base) return std::nullopt;
  return Input{.source = *options.base,
               .reading = {.format = options.base_format,
                           .nbd = options.nbd,
                           .isolate = options.isolate,
                           .force_share = options.force_share,
                           .only_first = options.base_virtual_size}};
}

Options parse_options(int argc, char** argv) {
  Parsed parsed = Parser(argc, argv).parse();
  Options& options = parsed.options;
  if (options.action == Action::kHelp || options.action == Action::kVersion) return options;

  check_input(parsed);
  if (parsed.data_file || parsed.data_file_raw) {
    if (std::holds_alternative<StandardInput>(options.source)) {
      throw UsageError(fmt::format("{}: a data file must be a file that stays, not standard input",
                                   parsed.data_file ? "-d, --data-file" : "-R, --data-file-raw"));
    }
    options.image.data_file = DataFile{.name = parsed.data_file_name.value_or(disk_name(options)),
                                       .raw = parsed.data_file_raw};
  }
  if (parsed.deflate_window) {
    if (!options.image.compression) throw UsageError("--deflate-window: needs --compress");
    if (options.image.compression->type != CompressionType::kZlib) {
      throw UsageError("--deflate-window: belongs to zlib");
    }
    options.image.compression->deflate_window = *parsed.deflate_window;
  }
  check_plan_options(options);
  check_increment(parsed);
  if (const auto problem = find_problem(options.image)) {
    throw UsageError(fmt::format("{}: {}", option_of(problem->field), problem->reason));
  }
  check_map(options);
  check_output_options(options);
  return options;
}

}  // namespace qcow2stream::cli
