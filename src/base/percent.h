// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>
#include <string_view>

namespace qcow2stream {

// A part of a URI without its escapes (RFC 3986, section 2.1): "%20" is a space. A percent sign
// that is no escape stays as it is.
std::string percent_decoded(std::string_view text);

}  // namespace qcow2stream
