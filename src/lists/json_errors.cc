// SPDX-License-Identifier: GPL-2.0-or-later

#include "lists/json_errors.h"

#include <fmt/format.h>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

constexpr unsigned kMaxNesting = 16;

// What the parser says is wrong, without the library's name and without what was read last, which
// may be long.
std::string parser_reason(std::string_view what) {
  constexpr std::string_view kEndOfName = "] ";
  constexpr std::string_view kEndOfPlace = " - ";
  if (const auto at = what.find(kEndOfName); at != std::string_view::npos) {
    what.remove_prefix(at + kEndOfName.size());
  }
  if (const auto at = what.find(kEndOfPlace); at != std::string_view::npos) {
    what.remove_prefix(at + kEndOfPlace.size());
  }
  return shorten(what.substr(0, what.find("; last read")), 200);
}

}  // namespace

std::string shorten(std::string_view text, std::size_t length) {
  return text.size() <= length ? std::string(text) : fmt::format("{}...", text.substr(0, length));
}

void throw_not_json(const std::string& name, std::size_t position, std::string_view what) {
  throw Error(ErrorKind::kFailed, name, fmt::format("byte {}: is not JSON", position),
              parser_reason(what))
      .at(position);
}

void check_nesting(const std::string& name, std::uint64_t position, unsigned depth) {
  if (depth <= kMaxNesting) return;
  throw Error(ErrorKind::kFailed, name, fmt::format("byte {}: is not a list of runs", position),
              fmt::format("it is nested deeper than {}", kMaxNesting))
      .at(position);
}

}  // namespace qcow2stream
