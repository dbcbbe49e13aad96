// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd/nbd_disk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <string_view>
#include <utility>

#include "base/bits.h"
#include "base/errors.h"
#include "disk/nbd/context.h"
#include "disk/nbd/queue.h"
#include "disk/nbd/status.h"
#include "disk/source_errors.h"
#include "system/tell.h"

namespace qcow2stream {
namespace {

// Two keep a server with threads busy while one waits for its turn; more gain nothing on few cores.
constexpr unsigned kConnections = 4;
constexpr unsigned kRequests = 16;

// What every server takes in one request (NBD protocol: 32 MiB), and a good compromise otherwise.
constexpr std::uint32_t kRequestSize = 256 << 10;

unsigned wanted_connections(const NbdOptions& options) {
  return options.connections != 0 ? options.connections : kConnections;
}

// Refuses an export without a size, like a device that nothing is attached to. A file that is empty
// would be a disk, but an export of it cannot be told from one that is not ready.
std::shared_ptr<const NbdDisk> not_empty(std::shared_ptr<const NbdDisk> disk) {
  if (disk->size() != 0) return disk;
  throw_nothing_attached(disk->name(), "the export has no size: nothing is attached to it");
}

std::shared_ptr<const NbdDisk> connect_uri(const std::string& uri, const NbdOptions& options,
                                           const std::vector<std::string>& contexts) {
  NbdDisk::Connections connections;
  connections.push_back(std::make_unique<NbdConnection>(uri, options.timeout));
  connections[0]->require_context(contexts);
  connections[0]->connect_uri(uri);
  if (takes_several(*connections[0])) {
    while (connections.size() < wanted_connections(options)) {
      auto another = connect_once_more(
          uri, options.timeout, [&](NbdConnection& connection) { connection.connect_uri(uri); });
      if (another == nullptr) break;
      connections.push_back(std::move(another));
    }
  }
  return not_empty(
      std::make_shared<NbdDisk>(std::move(connections), options, std::nullopt, nullptr));
}

std::shared_ptr<const NbdDisk> start_server(const std::vector<std::string>& command,
                                            const NbdOptions& options,
                                            const std::vector<std::string>& contexts) {
  std::string name = "[";
  for (const std::string& word : command) name += " " + word;
  name += " ]";
  return not_empty(
      connect_private_server(name, start_private_server(command, wanted_connections(options), true),
                             options, nullptr, contexts));
}

class NbdChanges final : public Changes {
 public:
  explicit NbdChanges(std::shared_ptr<const NbdDisk> disk) : disk_(std::move(disk)) {}
  [[nodiscard]] std::unique_ptr<RunCursor> runs() const override { return disk_->changes(); }

 private:
  std::shared_ptr<const NbdDisk> disk_;
};

std::vector<std::string> contexts_of(const NbdOptions& options) {
  return options.bitmap ? bitmap_contexts(*options.bitmap) : std::vector<std::string>();
}

Opened opened(std::shared_ptr<const NbdDisk> disk, const NbdOptions& options) {
  if (!options.bitmap) return {.disk = std::move(disk), .changes = nullptr};
  return {.disk = disk, .changes = make_changes(disk)};
}

}  // namespace

bool takes_several(const NbdConnection& connection) {
  return nbd_can_multi_conn(connection.handle()) > 0;
}

NbdDisk::NbdDisk(Connections connections, const NbdOptions& options,
                 std::optional<OwnServer> server, std::shared_ptr<const Disk> file)
    : damages_(std::make_unique<Damages>(*this, std::move(server))),
      connections_(std::move(connections)),
      requests_(options.requests != 0 ? options.requests : kRequests),
      file_(std::move(file)) {
  for (const auto& connection : connections_) connection->check_not_lost();
  const NbdConnection& first = *connections_[0];
  const std::int64_t size = nbd_get_size(first.handle());
  if (size < 0) first.throw_last_error("asking for its size failed");
  size_ = static_cast<std::uint64_t>(size);
  for (const auto& connection : connections_) {
    if (nbd_get_size(connection->handle()) != size) {
      throw Error(ErrorKind::kFailed, name(), "cannot be used",
                  "the server tells different sizes on different connections");
    }
  }
  const std::int64_t minimum = nbd_get_block_size(first.handle(), LIBNBD_SIZE_MINIMUM);
  if (minimum > 1 && std::has_single_bit(static_cast<std::uint64_t>(minimum))) {
    limits_.alignment = static_cast<std::uint64_t>(minimum);
  }
  const std::int64_t maximum = nbd_get_block_size(first.handle(), LIBNBD_SIZE_MAXIMUM);
  if (maximum > 0) {
    limits_.maximum = std::min(limits_.maximum,
                               align_down(static_cast<std::uint64_t>(maximum), limits_.alignment));
    limits_.maximum = std::max(limits_.maximum, limits_.alignment);
  }
  if (size_ % limits_.alignment != 0) {
    throw Error(ErrorKind::kFailed, name(), "cannot be used",
                "its size is no multiple of the server's block size");
  }
  knows_zeros_ = nbd_can_meta_context(first.handle(), LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
  if (!knows_zeros_) {
    tell(name(), LIBNBD_CONTEXT_BASE_ALLOCATION, "the server does not tell holes",
         "all of it counts as data");
  }
  for (const auto& connection : connections_) connection->look_for_damage(damages_.get());
}

GuestOffset NbdDisk::answered(NbdRequest request, GuestRange range) const {
  return answered_by(*connections_[0], limits_, request, range);
}

bool NbdDisk::reads_at(GuestOffset offset) const {
  constexpr std::uint64_t kSectorSize = 512;
  const GuestRange sector = {offset,
                             std::min<std::uint64_t>(kSectorSize, GuestOffset(size_) - offset)};
  return answered(NbdRequest::kRead, sector) == sector.end();
}

void NbdDisk::read(GuestOffset offset, std::span<std::byte> buffer) const {
  assert(offset.value() <= size_ && buffer.size() <= size_ - offset.value());
  const auto queue = make_nbd_queue(*connections_[0], limits_);
  while (!buffer.empty()) {
    const auto piece = buffer.first(std::min<std::size_t>(buffer.size(), kRequestSize));
    queue->submit(offset, piece, 0);
    queue->wait();
    offset += piece.size();
    buffer = buffer.subspan(piece.size());
  }
}

DiskTraits NbdDisk::traits() const {
  return {.knows_zeros = knows_zeros_,
          .request_size = kRequestSize,
          .requests_in_flight = requests_,
          .queues = static_cast<unsigned>(connections_.size())};
}

std::unique_ptr<RunCursor> NbdDisk::runs(GuestRange range) const {
  if (!knows_zeros_) return Disk::runs(range);
  return make_nbd_runs(*connections_[0], range, limits_.alignment);
}

std::unique_ptr<RunCursor> NbdDisk::changes() const {
  return make_nbd_changes(*connections_[0], {GuestOffset(0), size_}, limits_.alignment);
}

std::unique_ptr<RequestQueue> NbdDisk::queue() const {
  const std::size_t n = next_connection_++ % connections_.size();
  return make_nbd_queue(*connections_[n], limits_);
}

std::optional<DiskStamp> NbdDisk::stamp() const {
  return file_ != nullptr ? file_->stamp() : std::nullopt;
}

std::vector<Caveat> NbdDisk::caveats() const {
  return file_ != nullptr ? file_->caveats() : std::vector<Caveat>();
}

void NbdDisk::check_unchanged() const {
  if (file_ != nullptr) file_->check_unchanged();
}

bool is_nbd_uri(std::string_view name) {
  constexpr std::array<std::string_view, 6> kSchemes = {
      "nbd:", "nbds:", "nbd+unix:", "nbds+unix:", "nbd+vsock:", "nbds+vsock:"};
  return std::ranges::any_of(kSchemes, [&](std::string_view scheme) {
    return name.starts_with(scheme) && name.substr(scheme.size()).starts_with("//");
  });
}

Opened open_nbd(const std::string& uri, const NbdOptions& options) {
  return opened(connect_uri(uri, options, contexts_of(options)), options);
}

Opened open_nbd_server(const std::vector<std::string>& command, const NbdOptions& options) {
  return opened(start_server(command, options, contexts_of(options)), options);
}

std::shared_ptr<const NbdDisk> connect_private_server(const std::string& name, PrivateServer server,
                                                      const NbdOptions& options,
                                                      std::shared_ptr<const Disk> file,
                                                      const std::vector<std::string>& contexts) {
  NbdDisk::Connections connections;
  try {
    put_answered_in_front(name, server.sockets, options.timeout);
    connections.push_back(std::make_unique<NbdConnection>(name, options.timeout));
    connections[0]->require_context(contexts);
    connections[0]->connect_socket(std::move(server.sockets[0]));
    const std::size_t most = takes_several(*connections[0]) ? server.sockets.size() : 1;
    while (connections.size() < most) {
      UniqueFd& socket = server.sockets[connections.size()];
      auto another = connect_once_more(name, options.timeout, [&](NbdConnection& connection) {
        connection.connect_socket(std::move(socket));
      });
      if (another == nullptr) break;
      connections.push_back(std::move(another));
    }
  } catch (const NoSuchContext&) {
    throw;
  } catch (const ServerFellSilent& silent) {
    // What it has said may be the reason, or a greeting.
    const std::string output = server.server.child.output();
    if (output.empty()) throw;
    throw Error(ErrorKind::kFailed, name, silent.what_failed(),
                silent.reason() + "; it has said: " + end_of_words(output));
  } catch (const Error&) {
    // What the program has said is worth more than that it has closed the connection.
    const std::string output = server.server.child.output();
    if (output.empty()) throw;
    throw ServerRefused(name, output);
  }
  server.sockets.clear();
  return std::make_shared<NbdDisk>(std::move(connections), options, std::move(server.server),
                                   std::move(file));
}

std::shared_ptr<const Changes> make_changes(std::shared_ptr<const NbdDisk> disk) {
  return std::make_shared<NbdChanges>(std::move(disk));
}

}  // namespace qcow2stream
