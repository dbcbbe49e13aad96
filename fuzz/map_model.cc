// SPDX-License-Identifier: GPL-2.0-or-later

#include "map_model.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace qcow2stream::fuzz {
namespace {

using nlohmann::json;

struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void refuse_if(bool wrong, const char* what) {
  if (wrong) throw Refused(what);
}

constexpr std::array kNumbers = {"start", "offset", "length", "depth", "type"};
constexpr std::array kFlags = {"present", "zero", "data", "exists"};

bool is_known(const std::string& key) {
  return std::ranges::count(kNumbers, key) + std::ranges::count(kFlags, key) > 0 ||
         key == "description";
}

// A tree forgets keys that are there twice.
json parse(const std::string& text) {
  refuse_if(text.find('\0') != std::string::npos, "a zero byte, which ends a text for the parser");
  std::set<std::string> keys;
  const auto look = [&](int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      refuse_if(depth >= 16, "nested too deep");
      if (depth == 1) keys.clear();
    }
    if (event == Event::key && depth == 2 && is_known(value)) {
      refuse_if(!keys.insert(value).second, "twice");
    }
    return true;
  };
  return json::parse(text, look);
}

struct Entry {
  explicit Entry(const json& object) : object_(object) {
    refuse_if(!object.is_object(), "no object");
    for (const char* key : kNumbers) {
      if (has(key)) {
        refuse_if(!object[key].is_number_unsigned() || number(key) >> 63 != 0, "no number");
      }
    }
    for (const char* key : kFlags) {
      if (!has(key) || object[key].is_boolean()) continue;
      refuse_if(key != std::string("exists"), "no boolean");
      refuse_if(object[key] != "true" && object[key] != "false", "no word");
    }
    refuse_if(has("description") && !object["description"].is_string(), "no string");
    refuse_if(!has("length") || (!has("start") && !has("offset")), "no range");
    const bool qemu = has("data") || has("zero") || has("present") || has("depth");
    const bool nbdinfo = has("type") || has("description");
    refuse_if(qemu + nbdinfo + has("exists") > 1, "a mixture");
    refuse_if(qemu && !(has("data") && has("zero")), "half of qemu-img's");
    form = qemu ? 'q' : nbdinfo ? 'n' : has("exists") ? 'r' : 'p';
    // NOLINTBEGIN(cppcoreguidelines-prefer-member-initializer): not before they were looked at
    begin = number(has("start") ? "start" : "offset");
    end = begin + number("length");
    // NOLINTEND(cppcoreguidelines-prefer-member-initializer)
  }

  [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }
  [[nodiscard]] bool flag(const char* key) const {
    return object_[key] == json(true) || object_[key] == json("true");
  }
  [[nodiscard]] std::uint64_t number(const char* key) const { return object_[key]; }
  [[nodiscard]] std::string word() const { return object_.value("description", ""); }

  char form;
  std::uint64_t begin;
  std::uint64_t end;

 private:
  const json& object_;
};

Paint allocation_of(const Entry& entry) {
  bool zeros = false;
  if (entry.form == 'q') {
    zeros = entry.flag("zero");
    refuse_if(!zeros && !entry.flag(entry.has("present") ? "present" : "data"), "a bitmap");
  } else if (entry.form == 'n') {
    constexpr std::array kWords = {"data", "hole", "zero", "hole,zero"};
    const auto type =
        static_cast<std::uint64_t>(std::ranges::find(kWords, entry.word()) - std::begin(kWords));
    refuse_if(type == kWords.size(), "another word");
    refuse_if(entry.has("type") && entry.number("type") != type, "another type");
    zeros = type >= 2;
  } else if (entry.form == 'r') {
    zeros = !entry.flag("exists");
  }
  return zeros ? Paint::kUnchanged : Paint::kChanged;
}

Paint change_of(const Entry& entry) {
  if (entry.form == 'q') {
    refuse_if(!entry.has("present") || !entry.has("depth"), "too old");
    refuse_if(!entry.flag("present") && !entry.flag("zero"), "a bitmap");
    if (!entry.flag("present") || entry.number("depth") != 0) return Paint::kUnchanged;
    return entry.flag("zero") ? Paint::kZero : Paint::kChanged;
  }
  if (entry.form == 'n') {
    refuse_if(entry.word() != "dirty" && entry.word() != "clean", "no bitmap");
    return entry.word() == "dirty" ? Paint::kChanged : Paint::kUnchanged;
  }
  if (entry.form == 'r') return entry.flag("exists") ? Paint::kChanged : Paint::kZero;
  return Paint::kChanged;
}

// Programs that list the whole disk have done so.
void check_complete(const std::vector<Paint>& bytes, std::uint64_t disk_size) {
  const auto gap = std::ranges::find(bytes, Paint::kNotListed);
  refuse_if(gap - bytes.begin() < static_cast<std::ptrdiff_t>(disk_size), "not complete");
  refuse_if(std::any_of(gap, bytes.end(), [](Paint p) { return p != Paint::kNotListed; }), "a gap");
}

Painting paint_all(const json& map, Meaning meaning, std::uint64_t disk_size) {
  Painting painting;
  painting.bytes.resize((disk_size + 511) / 512 * 512);
  refuse_if(!map.is_array(), "no list");
  char form = 0;
  std::uint64_t last = 0;
  for (const json& object : map) {
    const Entry entry(object);
    refuse_if(form != 0 && form != entry.form, "two forms");
    form = entry.form;
    // Without a byte it says nothing, whatever it calls it.
    const Paint color = entry.begin == entry.end         ? Paint::kUnchanged
                        : meaning == Meaning::kAllocated ? allocation_of(entry)
                                                         : change_of(entry);
    const bool complete = meaning == Meaning::kAllocated && (form == 'q' || form == 'n');
    const std::uint64_t size = painting.bytes.size();
    refuse_if(entry.end > size && (complete || color == Paint::kChanged), "past the end");
    const std::uint64_t end = std::min(entry.end, size);
    if (entry.begin >= end) continue;
    painting.sorted = painting.sorted && entry.begin >= last;
    last = entry.begin;
    for (std::uint64_t at = entry.begin; at < end; ++at) {
      refuse_if(painting.bytes[at] != Paint::kNotListed, "an overlap");
      painting.bytes[at] = color;
    }
  }
  if (meaning == Meaning::kAllocated && (form == 'q' || form == 'n')) {
    check_complete(painting.bytes, disk_size);
  }
  return painting;
}

}  // namespace

std::optional<Painting> paint(const std::string& text, Meaning meaning, std::uint64_t disk_size) {
  try {
    return paint_all(parse(text), meaning, disk_size);
  } catch (const Refused&) {
    return std::nullopt;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace qcow2stream::fuzz
