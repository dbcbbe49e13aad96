// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "disk/qcow2/chain.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// A queue over the queues of the files of a chain: each part of a request goes to the file that
// holds it, with the place where it lies. Compressed clusters are decoded by whoever submits.
std::unique_ptr<RequestQueue> make_chain_queue(const Qcow2Chain& chain);

}  // namespace qcow2stream
