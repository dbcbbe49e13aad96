// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "qcow2stream/error.h"

namespace qcow2stream {

// Whether this error number says that a connection is lost. A server that is gone, or about to go,
// has neither changed nor damage.
bool is_lost_connection(int error);

// Whether the error says that a part of a disk cannot be read, and so not that nothing of it can
// be. A disk of the caller's own may leave out that its errors are about a disk.
bool is_loss(const Error& error);

}  // namespace qcow2stream
