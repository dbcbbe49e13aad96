// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/size.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace qcow2stream::cli {
namespace {

constexpr std::string_view kSuffixes = "kMGTPE";

std::uint64_t parse_number(std::string_view& text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, hex ? 16 : 10);
  if (error == std::errc::invalid_argument) throw std::invalid_argument("is not a size");
  if (error == std::errc::result_out_of_range) throw std::invalid_argument("is too large");
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (hex && !text.empty()) throw std::invalid_argument("is not a size");
  return number;
}

}  // namespace

std::uint64_t parse_size(std::string_view text) {
  const std::uint64_t number = parse_number(text);
  if (text.empty()) return number;
  const std::size_t power = kSuffixes.find(text[0] == 'K' ? 'k' : text[0]);
  if (power == std::string_view::npos) throw std::invalid_argument("is not a size");
  const std::string_view unit = text.substr(1);
  if (unit == "B") {
    throw std::invalid_argument(
        fmt::format("is ambiguous; write {0}{1} or {0}{2}iB (powers of 1024)", number, text[0],
                    text[0] == 'k' ? 'K' : text[0]));
  }
  if (!unit.empty() && unit != "iB") throw std::invalid_argument("is not a size");
  const unsigned shift = 10 * static_cast<unsigned>(power + 1);
  if (number > UINT64_MAX >> shift) throw std::invalid_argument("is too large");
  return number << shift;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace qcow2stream::cli
