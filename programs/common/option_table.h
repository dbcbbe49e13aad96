// SPDX-License-Identifier: GPL-2.0-or-later
//
// One table says everything about an option: its names, its value, its line in the help and what it
// does. Parsing and help are made from it. Each program has its own.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qcow2stream::cli {

// kAttached: may be left out, and must be attached where it is given: --measure=json.
enum class Value { kNone, kRequired, kAttached };

struct OptionSpec {
  char letter;            // 0: none
  std::string_view name;  // without "--"; empty: none. A zero byte stands behind it
  Value value;
  std::string_view metavar;
  std::string_view help;   // empty: an alias that the help does not list
  bool is_joined = false;  // the help has no line for it: that of the option above names it
};

// `Said` is what the program's command line says.
template <class Said>
struct Option {
  OptionSpec spec;
  // Throws UsageError without the option's name. `value` is null where none was given.
  void (*apply)(Said& said, const char* value);
};

template <class Said>
struct OptionGroup {
  std::string_view title;
  std::span<const Option<Said>> options;
};

// "-c, --cluster-size", for messages.
std::string display_name(const OptionSpec& spec);

// A group's part of the help.
std::string group_text(std::string_view title, std::span<const OptionSpec> options);

template <class Said>
std::vector<OptionSpec> specs_of(std::span<const Option<Said>> options) {
  std::vector<OptionSpec> specs;
  for (const Option<Said>& option : options) specs.push_back(option.spec);
  return specs;
}

// All options of a table, in its order.
template <class Said>
std::vector<Option<Said>> options_of(std::span<const OptionGroup<Said>> groups) {
  std::vector<Option<Said>> all;
  for (const OptionGroup<Said>& group : groups) {
    all.insert(all.end(), group.options.begin(), group.options.end());
  }
  return all;
}

}  // namespace qcow2stream::cli
