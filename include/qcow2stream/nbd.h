// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks behind the NBD protocol (github.com/NetworkBlockDevice/nbd, doc/proto.md), through libnbd.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qcow2stream/changes.h"

namespace qcow2stream {

struct NbdOptions {
  // How many connections are open at the same time; 0 leaves the choice to the library. There is
  // more than one only where the server says that it takes several (multi-conn).
  unsigned connections = 0;
  // How many requests are in flight on each connection; 0 leaves the choice to the library.
  unsigned requests = 0;
  // A server that has said nothing for so long is given up.
  std::chrono::seconds timeout{60};
  // The dirty bitmap that says what has changed since it was made: the bare name of a bitmap of
  // QEMU's ("backup0" is the metadata context "qemu:dirty-bitmap:backup0"), or the whole name of a
  // context whose flag 1 marks what is dirty. A dirty run that base:allocation calls zero is
  // Run::Holds::kZeros.
  std::optional<std::string> bitmap;
};

// Whether `name` is a URI for open_nbd(): nbd, nbds, nbd+unix, nbds+unix, nbd+vsock, nbds+vsock.
bool is_nbd_uri(std::string_view name);

// Connects to the export that the URI names (every form that libnbd's nbd_connect_uri takes, TLS
// included). A server that is talked to over TLS must prove who it is: by a key that both sides
// have (tls-psk-file=FILE in the URI), or by a certificate for its host name from the CA whose
// ca-cert.pem is in tls-certificates=DIR, or where libnbd looks for it. Otherwise it is refused,
// unless the URI says tls-verify-peer=false. Extents come from the metadata context
// base:allocation, if the server has it. No stamp: a server does not tell whether its disk changes.
// Throws Error{kFailed}, also where there is no such bitmap, with the names of those that there
// are; kUsage where the bitmap has the name of a context that is known not to be one.
Opened open_nbd(const std::string& uri, const NbdOptions& options = {});

// Starts a server program and connects to it over a private socket that has no name: it finds a
// listening socket as descriptor 3, as with systemd socket activation (nbdkit, qemu-nbd). The
// program is killed when the disk and the changes are destroyed, and when this process ends,
// however it ends; call it from a thread that lives as long as they do. Throws what open_nbd()
// throws, with what the program had to say.
Opened open_nbd_server(const std::vector<std::string>& command, const NbdOptions& options = {});

}  // namespace qcow2stream
