// SPDX-License-Identifier: GPL-2.0-or-later
//
// A trace tells what the library does in a slower way than it could, since the kernel, a file
// system or a server refused the faster one. It is for people who ask why something is slow.
// Results never depend on it.

#pragma once

#include <functional>
#include <string_view>

namespace qcow2stream {

// One line without a newline: "NAME: what was refused: why; what is done instead".
using TraceSink = std::function<void(std::string_view line)>;

// Hands each such line to `sink` from now on, but the same line only once. An empty function ends
// that. By default the lines go nowhere, or to standard error if the environment has
// QCOW2STREAM_TRACE=1. A process has one sink.
//
// Thread-safe. The sink is called by any thread of the library, one call at a time, in the middle
// of its work: it must not throw, not wait for long, and not call the library. When this returns,
// the old sink is not being called and will not be.
void set_trace(TraceSink sink);

}  // namespace qcow2stream
