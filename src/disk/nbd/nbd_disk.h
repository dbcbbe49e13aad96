// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "disk/nbd/connection.h"
#include "disk/nbd/damage.h"
#include "disk/nbd/queue.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"
#include "qcow2stream/nbd.h"
#include "system/child.h"

namespace qcow2stream {

// Has the connections to one export. The first one also answers questions about extents and plain
// reads; request queues are spread over all of them.
class NbdDisk final : public Disk {
 public:
  using Connections = std::vector<std::unique_ptr<NbdConnection>>;

  // `server` is the program that serves it, if we have started that and so have to end it. `file`
  // is what that program reads, if that is one file. It is watched for changes, and may be null.
  NbdDisk(Connections connections, const NbdOptions& options, std::optional<OwnServer> server,
          std::shared_ptr<const Disk> file);

  [[nodiscard]] const std::string& name() const override { return connections_[0]->name(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override;
  [[nodiscard]] DiskTraits traits() const override;
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override;
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override;
  [[nodiscard]] std::optional<DiskStamp> stamp() const override;
  void check_unchanged() const override;
  [[nodiscard]] std::vector<Caveat> caveats() const override;

  // The changes that the first connection's additional context tells. It must have one.
  [[nodiscard]] std::unique_ptr<RunCursor> changes() const;

  // These are for the search for damage: answered_by() of the first connection, and whether the
  // sector at `offset` can be read.
  [[nodiscard]] GuestOffset answered(NbdRequest request, GuestRange range) const;
  [[nodiscard]] bool reads_at(GuestOffset offset) const;
  [[nodiscard]] const NbdLimits& limits() const { return limits_; }

 private:
  std::unique_ptr<Damages> damages_;  // first, so that the server outlives the connections
  Connections connections_;
  unsigned requests_;
  std::uint64_t size_ = 0;
  NbdLimits limits_;
  std::shared_ptr<const Disk> file_;
  bool knows_zeros_ = false;
  mutable std::atomic<std::size_t> next_connection_ = 0;
};

// Whether more connections to the export behind this one make sense.
bool takes_several(const NbdConnection& connection);

// A server program of our own and `count` sockets that are connected to it. The listening socket
// had a name for as long as connecting took, in a directory that only this user can enter. Throws
// Error{kFailed}: where no directory takes a socket; what Child throws. `file`, if there is one,
// becomes the program's descriptor 4.
struct PrivateServer {
  OwnServer server;
  std::vector<UniqueFd> sockets;
};
PrivateServer start_private_server(std::vector<std::string> command, unsigned count,
                                   bool socket_activation,
                                   std::optional<Confinement> confinement = {}, int file = -1);

// A server that did not take the connection, and what it had to say about that.
class ServerRefused : public Error {
 public:
  ServerRefused(const std::string& name, std::string output)
      : Error(ErrorKind::kFailed, name, "cannot be opened", end_of_words(output)),
        output_(std::move(output)) {}
  [[nodiscard]] const std::string& output() const { return output_; }

 private:
  std::string output_;
};

// Connects to a server that was started as above; `file` as for NbdDisk, it may be null. `contexts`
// as for NbdConnection::require_context(), or empty. `name` is for messages. Throws ServerRefused
// where the server said why it ended, Error{kFailed} otherwise.
std::shared_ptr<const NbdDisk> connect_private_server(const std::string& name, PrivateServer server,
                                                      const NbdOptions& options,
                                                      std::shared_ptr<const Disk> file,
                                                      const std::vector<std::string>& contexts);

// The changes of a disk that was connected to with a context for them.
std::shared_ptr<const Changes> make_changes(std::shared_ptr<const NbdDisk> disk);

}  // namespace qcow2stream
