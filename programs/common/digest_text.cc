// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/digest_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/hex.h"

namespace qcow2stream::cli {
namespace {

struct Names {
  DigestAlgorithm algorithm;
  std::string_view name;
  std::string_view tag;  // what coreutils calls it, for those that it has
  std::size_t bytes;     // of its value
};

constexpr std::array<Names, 7> kNames = {{
    {DigestAlgorithm::kSha256, "sha256", "SHA256", 32},
    {DigestAlgorithm::kSha512, "sha512", "SHA512", 64},
    {DigestAlgorithm::kBlake2b, "blake2b", "BLAKE2b", 64},
    {DigestAlgorithm::kSha1, "sha1", "SHA1", 20},
    {DigestAlgorithm::kMd5, "md5", "MD5", 16},
    {DigestAlgorithm::kCrc32c, "crc32c", "CRC32C", 4},
    {DigestAlgorithm::kCrc64Nvme, "crc64nvme", "CRC64NVME", 8},
}};

const Names& names_of(DigestAlgorithm algorithm) {
  return *std::ranges::find(kNames, algorithm, &Names::algorithm);
}

}  // namespace

std::optional<DigestAlgorithm> digest_algorithm(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name, &Names::name);
  if (found == kNames.end()) return std::nullopt;
  return found->algorithm;
}

std::string_view digest_name(DigestAlgorithm algorithm) {
  return names_of(algorithm).name;
}

std::vector<std::string_view> digest_names() {
  std::vector<std::string_view> all;
  all.reserve(kNames.size());
  for (const Names& names : kNames) all.push_back(names.name);
  return all;
}

std::size_t digest_bytes(DigestAlgorithm algorithm) {
  return names_of(algorithm).bytes;
}

std::string base64_text(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<std::size_t>(3, bytes.size()))) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i]) : 0);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= bytes.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

std::string digest_line(const Digest& digest, std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else if (c == '\r') {
      escaped += "\\r";
    } else {
      escaped += c;
    }
  }
  const char* mark = escaped.size() > name.size() ? "\\" : "";  // at the start of the line
  return fmt::format("{}{} ({}) = {}\n", mark, names_of(digest.algorithm).tag, escaped,
                     hex(digest.value));
}

bool is_digest_line(std::string_view beginning) {
  constexpr std::size_t kShortest = 8;  // hexadecimal digits
  if (beginning.starts_with('\\')) beginning.remove_prefix(1);
  const std::size_t word_end = std::min(beginning.find(' '), beginning.size());
  const std::string_view word = beginning.substr(0, word_end);
  if (beginning.substr(word_end).starts_with(" (")) {
    return std::ranges::find(kNames, word, &Names::tag) != kNames.end();
  }
  return word.size() >= kShortest &&
         word.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos &&
         word.size() < beginning.size();
}

std::optional<std::string_view> hex_in_digest_line(std::string_view line,
                                                   DigestAlgorithm algorithm) {
  constexpr std::string_view kEquals = ") = ";
  const Names& names = names_of(algorithm);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with('\\')) line.remove_prefix(1);
  if (line.starts_with(names.tag) && line.substr(names.tag.size()).starts_with(" (")) {
    // The name may have such characters, too; the value has none.
    const std::size_t equals = line.rfind(kEquals);
    if (equals == std::string_view::npos) return std::nullopt;
    return line.substr(equals + kEquals.size());
  }
  const std::string_view word = line.substr(0, line.find(' '));
  if (word.size() != 2 * names.bytes) return std::nullopt;
  return word;
}

}  // namespace qcow2stream::cli
