// SPDX-License-Identifier: GPL-2.0-or-later
//
// Digests as people and programs write them.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qcow2stream/digest.h"

namespace qcow2stream::cli {

// "sha256" and so on, as in --digest and in the report.
std::optional<DigestAlgorithm> digest_algorithm(std::string_view name);
std::string_view digest_name(DigestAlgorithm algorithm);
std::vector<std::string_view> digest_names();
// How many a value has.
std::size_t digest_bytes(DigestAlgorithm algorithm);

std::string base64_text(std::span<const std::byte> bytes);  // RFC 4648, padded

// "SHA256 (NAME) = hex" with its newline, as `sha256sum --tag` writes and escapes it.
std::string digest_line(const Digest& digest, std::string_view name);

// Whether a text begins like such a line, or like one of sha256sum and its kin without --tag.
bool is_digest_line(std::string_view beginning);

// The hexadecimal value in such a line, of either form and without its newline, if the line can be
// one of this algorithm. Its digits are not looked at.
std::optional<std::string_view> hex_in_digest_line(std::string_view line,
                                                   DigestAlgorithm algorithm);

}  // namespace qcow2stream::cli
