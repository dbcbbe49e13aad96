// SPDX-License-Identifier: GPL-2.0-or-later
//
// One table says everything about an option: its names, its value, its line in the help and what it
// does. Parsing and help are made from it. To add an option, add a line there.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qcow2-to-stdout/options.h"

namespace qcow2stream::cli {

// kAttached: may be left out, and must be attached where it is given: --measure=json.
enum class Value { kNone, kRequired, kAttached };

// What parsing collects. Some options make sense only together, so they wait here.
struct Parsed {
  Options options;
  std::optional<Source> disk;
  std::optional<std::string> blockdev;
  std::vector<std::string> objects;
  std::optional<std::uint64_t> size;
  bool data_file = false;
  bool data_file_raw = false;
  std::optional<std::string> data_file_name;
  std::optional<std::uint32_t> deflate_window;
  std::optional<std::string> backing_file;
  std::optional<std::string> backing_format;
};

struct OptionSpec {
  char letter;            // 0: none
  std::string_view name;  // without "--"; empty: none
  Value value;
  std::string_view metavar;
  std::string_view help;  // empty: an alias that the help does not list
  // Throws UsageError without the option's name. `value` is null where none was given.
  void (*apply)(Parsed&, const char* value);
};

struct OptionGroup {
  std::string_view title;
  std::span<const OptionSpec> options;
};

std::span<const OptionGroup> option_groups();

// "-c, --cluster-size", for messages.
std::string display_name(const OptionSpec& spec);

}  // namespace qcow2stream::cli
