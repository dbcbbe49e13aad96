// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sees to it that a server that is talked to over TLS proves who it is. libnbd verifies a
// certificate only if it finds that of a CA and knows a host name. Otherwise it goes on without a
// word (1.14, lib/crypto.c), so a server that it would not verify is refused before it connects.

#pragma once

#include <libnbd.h>

#include <optional>
#include <string>
#include <string_view>

namespace qcow2stream {

// The value of a parameter in a URI's query, without escapes. If there are several, the last one.
std::optional<std::string> uri_parameter(std::string_view uri, std::string_view name);

// To be called before connecting to the URI. With the URI's tls-verify-peer=false, or with a key
// that both sides share (tls-psk-file), nothing is to be verified. Otherwise the directory that
// tls-certificates names, or the first of libnbd's own that has one, must have a ca-cert.pem.
// Throws Error{kFailed} with what to do; kUsage for another value than true or false.
void set_up_tls(nbd_handle* handle, const std::string& uri);

// What a failed handshake may mean, in place of libnbd's words for it.
std::string explain_tls(const std::string& words);

}  // namespace qcow2stream
