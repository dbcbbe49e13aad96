// SPDX-License-Identifier: GPL-2.0-or-later
//
// The bare loops over NBD: libnbd, one thread for each connection, nothing else.

#pragma once

#include <libnbd.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "floor/probe.h"
#include "floor/support.h"

namespace bench {

// Connections to one export, and how many reads each keeps in flight. Whatever fails ends the
// process.
class NbdExport {
 public:
  NbdExport(const char* uri, unsigned connections);

  [[nodiscard]] const std::vector<nbd_handle*>& handles() const { return handles_; }
  [[nodiscard]] std::uint64_t size() const;
  // What base:allocation does not call zeros; asked for on the first connection.
  [[nodiscard]] std::vector<Run> data_extents() const;

 private:
  std::vector<std::unique_ptr<nbd_handle, decltype(&nbd_close)>> connections_;
  std::vector<nbd_handle*> handles_;
};

// Ends the process with libnbd's own words.
[[noreturn]] void fail_nbd(const char* what);
// Lets the connection work until something has happened.
void poll_nbd(nbd_handle* handle);

// The first page of every cluster of the extents, and the rest of those where it is zeros; `depth`
// probes in flight on each connection.
Probed nbd_probe(const NbdExport& disk, unsigned depth);

// Writes the runs to `out`, one after the other, in pieces of 256 KiB; `depth` of them are in
// flight or waiting for their turn on each connection.
void nbd_copy(const NbdExport& disk, const std::vector<Run>& runs, unsigned depth, int out);

}  // namespace bench
