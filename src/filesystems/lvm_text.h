// SPDX-License-Identifier: GPL-2.0-or-later
//
// The language of LVM's metadata: sections, and settings of numbers, texts and lists of these.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace qcow2stream {

using LvmValue = std::variant<std::uint64_t, std::string>;

struct LvmSection {
  std::map<std::string, std::vector<LvmValue>, std::less<>> settings;  // a list, or one value
  std::map<std::string, LvmSection, std::less<>> sections;

  // Each throws Kept where there is no such thing.
  [[nodiscard]] const LvmSection& section(std::string_view name) const;
  [[nodiscard]] std::uint64_t number(std::string_view name) const;
  [[nodiscard]] const std::string& text(std::string_view name) const;
  // Empty where there is none.
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
};

// Throws Kept for what is not in that language: a name that stands twice, a negative number, too
// much of anything.
LvmSection parse_lvm_text(std::string_view text);

}  // namespace qcow2stream
