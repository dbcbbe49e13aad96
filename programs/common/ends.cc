// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/ends.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "qcow2stream/error.h"
#include "system/fd.h"

namespace qcow2stream::cli {
namespace {

using enum EndRole;

constexpr unsigned operator|(EndRole a, EndRole b) {
  return static_cast<unsigned>(a) | static_cast<unsigned>(b);
}
constexpr unsigned operator|(unsigned a, EndRole b) {
  return a | static_cast<unsigned>(b);
}
constexpr unsigned only(EndRole role) {
  return static_cast<unsigned>(role);
}

// What `one` of two ends, which is written, is to `other`.
struct Case {
  const End& one;
  const End& other;
  Meeting meeting;

  [[nodiscard]] bool is_sure() const { return meeting == Meeting::kMeet; }
  // Why it cannot be told, as the end of a message.
  [[nodiscard]] std::string doubt() const {
    if (is_sure()) return "";
    const std::string& device =
        one.storage.unknown.empty() ? other.storage.unknown : one.storage.unknown;
    return fmt::format("; what is behind {} cannot be found out", device);
  }
};

[[noreturn]] void throw_cannot_be_written(const End& end, const std::string& reason) {
  throw Error(ErrorKind::kFailed, end.name, "cannot be written", reason);
}

[[noreturn]] void refuse_to_read(const Case& found) {
  throw Error(ErrorKind::kFailed, found.other.name, "cannot be read",
              fmt::format("standard output {} to it{}", found.is_sure() ? "writes" : "may write",
                          found.doubt()));
}

[[noreturn]] void refuse_to_write(const Case& found) {
  throw_cannot_be_written(found.one, fmt::format("it {} {}{}", found.is_sure() ? "is" : "may be",
                                                 found.other.name, found.doubt()));
}

// The message itself would do the harm.
[[noreturn]] void refuse_silently(const Case& found) {
  const UniqueFd nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  static_cast<void>(::dup2(nothing.get(), STDERR_FILENO));
  refuse_to_write(found);
}

[[noreturn]] void refuse_company(const Case& found) {
  throw_cannot_be_written(
      found.one, fmt::format("{} {}{}", found.other.content,
                             found.is_sure() ? "goes there" : "may go there", found.doubt()));
}

[[noreturn]] void refuse_second_file(const Case& found) {
  throw_cannot_be_written(found.one,
                          fmt::format("something else is being written to it{}", found.doubt()));
}

struct Rule {
  unsigned ones;    // roles that are written
  unsigned others;  // roles
  bool streams;     // whether one pipe or socket counts as one place
  void (*refuse)(const Case& found);
};

constexpr auto kRules = std::to_array<Rule>({
    // What is written must not be read. One socket may well be both ends.
    {kImage | kAnswer | kCommand, kRead | kTarget, false, refuse_to_read},
    {kFile | kStream | kProgress | kTarget, only(kRead), false, refuse_to_write},
    {only(kMessages), kRead | kTarget, false, refuse_silently},
    // Two writers must not share a place, unless both add lines. Then messages are no exception
    // either; whether they go into the image is seen when there are some (is_same_stream()).
    {kFile | kStream | kProgress, kImage | kTarget, true, refuse_company},
    {kFile | kStream, only(kAnswer), true, refuse_company},
    {only(kFile), kCommand | kProgress | kMessages, false, refuse_company},
    {only(kFile), kFile | kStream, false, refuse_second_file},
});

bool has(unsigned roles, const End& end) {
  return (roles & static_cast<unsigned>(end.role)) != 0;
}

Meeting meeting_of(const Rule& rule, const End& one, const End& other) {
  const bool are_streams = one.storage.is_stream() && other.storage.is_stream();
  if (are_streams && !rule.streams) return Meeting::kApart;
  return other.role == kRead ? writes_into(one.storage, other.storage)
                             : share_bytes(one.storage, other.storage);
}

void check_pair(const End& one, const End& other) {
  for (const Rule& rule : kRules) {
    for (const auto& [a, b] : {std::pair(&one, &other), std::pair(&other, &one)}) {
      if (!has(rule.ones, *a) || !has(rule.others, *b)) continue;
      const Meeting meeting = meeting_of(rule, *a, *b);
      if (meeting != Meeting::kApart) rule.refuse({*a, *b, meeting});
    }
  }
}

}  // namespace

void Ends::add(EndRole role, std::string name, const std::string& path, std::string content) {
  add(End{role, std::move(name), std::move(content), finder_.of(path)});
}

void Ends::add(EndRole role, std::string name, int fd, std::string content) {
  add(End{role, std::move(name), std::move(content), finder_.of(fd)});
}

void Ends::check() const {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    for (std::size_t j = i + 1; j < all_.size(); ++j) check_pair(all_[i], all_[j]);
  }
}

void Ends::opened(const std::string& name, int fd) {
  const auto found = std::ranges::find_if(
      all_, [&](const End& end) { return has(kFile | kStream, end) && end.name == name; });
  if (found == all_.end()) return;
  found->storage = finder_.of(fd);
  for (auto other = all_.begin(); other != all_.end(); ++other) {
    if (other != found) check_pair(*found, *other);
  }
}

bool is_same_stream(const Storage& messages, const Storage& image) {
  return share_bytes(messages, image) == Meeting::kMeet;
}

}  // namespace qcow2stream::cli
