// SPDX-License-Identifier: GPL-2.0-or-later
//
// An image-id is LAYOUT.SOURCE (Image::id()). Which of the two differs tells what has happened:
// with the layout of another image the command line is another one, or the disk is; with that of
// this one the disk was written to, or a copy of it was made without its time.

#include "qcow2-to-stdout/image_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <optional>

#include "qcow2stream/error.h"
#include "qcow2stream/root.h"

namespace qcow2stream::cli {
namespace {

constexpr std::size_t kLayoutDigits = 32;
constexpr std::int64_t kNanoseconds = 1'000'000'000;

constexpr std::string_view kRootWord = "root-";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::size_t kOthersDigits = 16;

struct Stamp {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::string_view others;  // of a disk of several files

  friend bool operator==(const Stamp&, const Stamp&) = default;
};

struct Id {
  std::string_view layout;
  std::optional<Stamp> stamp;  // nothing: "-"
  std::string_view root;       // in place of a stamp
};

template <class Number>
bool read_all(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// "4096-1764451322000000000", or "4096-1764451322000000000-0123456789abcdef"
std::optional<Stamp> parse_stamp(std::string_view text) {
  Stamp stamp;
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos || !read_all(text.substr(0, dash), stamp.size)) {
    return std::nullopt;
  }
  text.remove_prefix(dash + 1);
  // A time before 1970 begins with a dash, too.
  const std::size_t end = text.find('-', 1);
  if (!read_all(text.substr(0, end), stamp.mtime_ns)) return std::nullopt;
  if (end == std::string_view::npos) return stamp;
  stamp.others = text.substr(end + 1);
  const bool is_known = stamp.others.size() == kOthersDigits &&
                        stamp.others.find_first_not_of(kHexDigits) == std::string_view::npos;
  return is_known ? std::optional(stamp) : std::nullopt;
}

std::optional<Id> parse_id(std::string_view text) {
  Id id{.layout = text.substr(0, text.find('.'))};
  if (id.layout.size() != kLayoutDigits || text.size() == kLayoutDigits ||
      id.layout.find_first_not_of(kHexDigits) != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view source = text.substr(kLayoutDigits + 1);
  if (source == "-") return id;
  if (source.starts_with(kRootWord)) {
    id.root = source.substr(kRootWord.size());
    return parse_root(id.root) ? std::optional(id) : std::nullopt;
  }
  id.stamp = parse_stamp(source);
  return id.stamp ? std::optional(id) : std::nullopt;
}

// "1764451322.123456789", as `touch -d @...` takes it, also before 1970.
std::string seconds_text(std::int64_t mtime_ns) {
  std::int64_t seconds = mtime_ns / kNanoseconds;
  std::int64_t rest = mtime_ns % kNanoseconds;
  if (rest < 0) {
    seconds -= 1;
    rest += kNanoseconds;
  }
  return fmt::format("{}.{:09}", seconds, rest);
}

// "2025-11-29 21:22:02.123456789 UTC"
std::string time_text(std::int64_t mtime_ns) {
  const std::string text = seconds_text(mtime_ns);
  const std::size_t point = text.find('.');
  std::time_t seconds = 0;
  std::tm parts{};
  read_all(std::string_view(text).substr(0, point), seconds);
  if (::gmtime_r(&seconds, &parts) == nullptr) return "@" + text;
  return fmt::format("{}-{:02}-{:02} {:02}:{:02}:{:02}{} UTC", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     text.substr(point));
}

std::string other_stamp(const Stamp& wanted, const Stamp& found, std::string_view disk) {
  if (wanted.size != found.size) {
    return fmt::format("the layout is the same, but the disk has {} bytes and had {}: begin anew",
                       found.size, wanted.size);
  }
  if (wanted.mtime_ns == found.mtime_ns) {
    return "the layout is the same, but a file below the disk's in its chain was written to, or is "
           "another one, or the snapshot is: begin anew";
  }
  return fmt::format(
      "the layout is the same, but the disk is of {} and was of {}, so it may have been written "
      "to: begin anew, or if it is known to hold the same, give it its time back (touch -d @{} {})",
      time_text(found.mtime_ns), time_text(wanted.mtime_ns), seconds_text(wanted.mtime_ns), disk);
}

std::string other_source(const Id& wanted, const Id& found, std::string_view disk) {
  if (!wanted.root.empty() && !found.root.empty()) {
    return "the layout is the same, but the content is another: the disk was written to since; "
           "begin "
           "anew";
  }
  if (!wanted.root.empty()) {
    return "the id of that image has the root of the content, which is not known here: give "
           "--save-manifest as then";
  }
  if (wanted.stamp && found.stamp) return other_stamp(*wanted.stamp, *found.stamp, disk);
  return fmt::format(
      "the layout is the same, but the disk of that image has {} and this disk has {}: give DISK "
      "as it was given then, as a file, a device, a stream or a server",
      wanted.stamp ? "a time stamp" : "no time stamp",
      found.stamp ? "a time stamp" : "no time stamp");
}

std::string other_layout(const Id& wanted, const Id& found) {
  const bool same_disk = wanted.stamp && wanted.stamp == found.stamp;
  if (same_disk) {
    return "the disk has the same size and time, but the layout is another: give the options as "
           "they were given then, to the same version of this program";
  }
  if (!wanted.stamp && !found.stamp) {
    return "the layout is another: other options, or the disk was written to since; begin anew "
           "unless these are other options";
  }
  return "layout and time stamp are others: another disk, or it was written to since; begin anew";
}

}  // namespace

std::string mismatch_text(std::string_view wanted, std::string_view found, std::string_view disk) {
  if (wanted.empty()) return "what was given is empty";
  const auto wanted_id = parse_id(wanted);
  const auto found_id = parse_id(found);
  if (!wanted_id || !found_id) return "what was given is not the image-id of any image";
  return wanted_id->layout == found_id->layout ? other_source(*wanted_id, *found_id, disk)
                                               : other_layout(*wanted_id, *found_id);
}

void check_id(const Image& image, const std::string& wanted) {
  const std::string id = image.id();
  if (id == wanted || image.stamp_id() == wanted) return;
  const std::string& name = image.disk().name();
  throw Error(ErrorKind::kMismatch, name, "does not give the image of --if-match",
              fmt::format("{}; the image-id is {}", mismatch_text(wanted, id, name), id));
}

}  // namespace qcow2stream::cli
