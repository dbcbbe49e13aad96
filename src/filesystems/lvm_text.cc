// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/lvm_text.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

constexpr unsigned kDeepestSection = 8;
constexpr std::size_t kMostEntries = 200'000;

[[noreturn]] void refuse_text() {
  throw Kept("its LVM metadata is not in a form that is known here");
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == '+';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  LvmSection parse() {
    LvmSection section = section_of(0);
    if (!rest_.empty()) refuse_text();
    return section;
  }

 private:
  // Up to the bracket that closes it, or to the end.
  LvmSection section_of(unsigned depth) {
    LvmSection section;
    if (depth > kDeepestSection) refuse_text();
    for (skip_space(); !rest_.empty() && rest_.front() != '}'; skip_space()) {
      if (++entries_ > kMostEntries) refuse_text();
      std::string name = take_name();
      if (section.settings.contains(name) || section.sections.contains(name)) refuse_text();
      if (takes('=')) {
        section.settings.emplace(std::move(name), take_values());
      } else if (takes('{')) {
        section.sections.emplace(std::move(name), section_of(depth + 1));
        if (!takes('}')) refuse_text();
      } else {
        refuse_text();
      }
    }
    return section;
  }

  void skip_space() {
    while (!rest_.empty()) {
      if (rest_.front() == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (std::string_view(" \t\r\n").find(rest_.front()) != std::string_view::npos) {
        rest_.remove_prefix(1);
      } else {
        return;
      }
    }
  }

  bool takes(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string take_name() {
    const auto* const end = std::ranges::find_if_not(rest_, is_name_character);
    const auto length = static_cast<std::size_t>(end - rest_.begin());
    if (length == 0) refuse_text();
    std::string name(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return name;
  }

  std::vector<LvmValue> take_values() {
    std::vector<LvmValue> values;
    if (!takes('[')) {
      values.push_back(take_value());
      return values;
    }
    while (!takes(']')) {
      if (!values.empty() && !takes(',')) refuse_text();
      values.push_back(take_value());
    }
    return values;
  }

  LvmValue take_value() {
    if (++entries_ > kMostEntries) refuse_text();
    if (takes('"')) return take_text();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc()) refuse_text();
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    if (!rest_.empty() && is_name_character(rest_.front())) refuse_text();
    return number;
  }

  std::string take_text() {
    std::string text;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) break;
      text += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!takes('"')) refuse_text();
    return text;
  }

  std::string_view rest_;
  std::size_t entries_ = 0;
};

template <class Value>
const Value& one_of(const LvmSection& section, std::string_view name) {
  const auto found = section.settings.find(name);
  if (found == section.settings.end() || found->second.size() != 1) refuse_text();
  const auto* value = std::get_if<Value>(&found->second.front());
  if (value == nullptr) refuse_text();
  return *value;
}

}  // namespace

const LvmSection& LvmSection::section(std::string_view name) const {
  const auto found = sections.find(name);
  if (found == sections.end()) refuse_text();
  return found->second;
}

std::uint64_t LvmSection::number(std::string_view name) const {
  return one_of<std::uint64_t>(*this, name);
}

const std::string& LvmSection::text(std::string_view name) const {
  return one_of<std::string>(*this, name);
}

std::vector<std::string> LvmSection::texts(std::string_view name) const {
  std::vector<std::string> texts;
  const auto found = settings.find(name);
  if (found == settings.end()) return texts;
  for (const LvmValue& value : found->second) {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) refuse_text();
    texts.push_back(*text);
  }
  return texts;
}

LvmSection parse_lvm_text(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace qcow2stream
