// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace qcow2stream {

// The file's own text in a message.
std::string shorten(std::string_view text, std::size_t length = 40);

// Throws Error{kFailed}: the file called `name` is not JSON at this byte. `what` is what the parser
// says.
[[noreturn]] void throw_not_json(const std::string& name, std::size_t position,
                                 std::string_view what);

// What other programs may nest in a list is skipped. Throws Error{kFailed} where that is too deep.
void check_nesting(const std::string& name, std::uint64_t position, unsigned depth);

}  // namespace qcow2stream
