// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/expected_digest.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "base/errors.h"
#include "base/hex.h"
#include "common/digest_text.h"
#include "common/option_values.h"
#include "qcow2stream/error.h"
#include "system/fd.h"
#include "system/io.h"

namespace qcow2stream::cli {
namespace {

// Of a file of digests; more of it is not looked at.
constexpr std::size_t kMostBytes = 1U << 20;

std::optional<std::vector<std::byte>> bytes_of(DigestAlgorithm algorithm, std::string_view hex) {
  if (hex.size() != 2 * digest_bytes(algorithm)) return std::nullopt;
  try {
    const std::string text = from_hex(hex);
    const auto bytes = std::as_bytes(std::span(text));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

std::string read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) throw system_error(path, "cannot be read", errno);
  std::string text(kMostBytes, '\0');
  const Moved moved = read_full(fd.get(), std::as_writable_bytes(std::span(text)));
  if (moved.error != 0) throw system_error(path, "cannot be read", moved.error);
  text.resize(moved.bytes);
  return text;
}

std::vector<std::byte> read_digest(const std::string& path, DigestAlgorithm algorithm) {
  const std::string text = read_file(path);
  std::optional<std::vector<std::byte>> found;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto hex = hex_in_digest_line(line, algorithm);
    auto value = hex ? bytes_of(algorithm, *hex) : std::nullopt;
    if (!value) continue;
    if (found && *found != *value) {
      throw Error(ErrorKind::kFailed, path,
                  fmt::format("has several {} digests", digest_name(algorithm)),
                  fmt::format("give the right one itself, as {}:HEX", digest_name(algorithm)));
    }
    found = std::move(value);
  }
  if (found) return *std::move(found);
  throw Error(ErrorKind::kFailed, path, fmt::format("has no {} digest", digest_name(algorithm)),
              "");
}

}  // namespace

ExpectedDigest expected_digest_value(const char* value) {
  const std::string_view word(value);
  const std::size_t separator = std::min(word.find_first_of(":="), word.size());
  const auto algorithm = digest_algorithm(word.substr(0, separator));
  if (!algorithm || separator == word.size()) {
    bad_value(value,
              fmt::format("is not one of {}, with =FILE or :HEX", fmt::join(digest_names(), ", ")));
  }
  if (word[separator] == '=') return {*algorithm, path_value(value + separator + 1)};
  auto bytes = bytes_of(*algorithm, word.substr(separator + 1));
  if (!bytes) {
    bad_value(value, fmt::format("does not have the {} hexadecimal digits of a {} digest",
                                 2 * digest_bytes(*algorithm), digest_name(*algorithm)));
  }
  return {*algorithm, *std::move(bytes)};
}

std::vector<DigestAlgorithm> algorithms_of(std::span<const ExpectedDigest> expected) {
  std::vector<DigestAlgorithm> all;
  for (const ExpectedDigest& one : expected) {
    if (std::ranges::find(all, one.algorithm) == all.end()) all.push_back(one.algorithm);
  }
  return all;
}

std::vector<Digest> read_digests(std::span<const ExpectedDigest> expected) {
  std::vector<Digest> digests;
  digests.reserve(expected.size());
  for (const ExpectedDigest& one : expected) {
    const auto* file = std::get_if<std::string>(&one.value);
    digests.push_back({one.algorithm, file != nullptr ? read_digest(*file, one.algorithm)
                                                      : std::get<0>(one.value)});
  }
  return digests;
}

void check_digests(const std::string& name, std::span<const Digest> found,
                   std::span<const Digest> expected) {
  for (const Digest& wanted : expected) {
    const auto digest = std::ranges::find(found, wanted.algorithm, &Digest::algorithm);
    if (digest != found.end() && digest->value == wanted.value) continue;
    throw Error(ErrorKind::kDamaged, name,
                fmt::format("has another {} digest than expected", digest_name(wanted.algorithm)),
                fmt::format("{}, not {}", digest == found.end() ? "none" : hex(digest->value),
                            hex(wanted.value)))
        .about(ErrorSubject::kImage);
  }
}

}  // namespace qcow2stream::cli
