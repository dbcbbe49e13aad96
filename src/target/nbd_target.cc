// SPDX-License-Identifier: GPL-2.0-or-later

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/bits.h"
#include "disk/nbd/nbd_disk.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"
#include "qcow2stream/target.h"
#include "system/tell.h"
#include "target/nbd_requests.h"
#include "target/target_errors.h"

namespace qcow2stream {
namespace {

// As for reading (disk/nbd/nbd_disk.cc).
constexpr unsigned kConnections = 4;
constexpr unsigned kRequests = 16;
constexpr std::uint64_t kRequestSize = 256 << 10;

// One request for zeros covers at most so much: a server that writes them must answer in time.
constexpr std::uint64_t kMostZeroed = 128 << 20;

// A server may prefer larger blocks, but who writes should not be made to collect these.
constexpr std::uint32_t kLargestBlock = 64 << 10;

// What the server takes in a request.
struct Limits {
  std::uint64_t alignment = 1;  // of offsets and lengths; a power of two
  std::uint64_t maximum = kRequestSize;
  std::uint32_t preferred = 1;  // a power of two, and not below the alignment
  bool has_zeros = false;
  bool has_flush = false;
};

unsigned wanted_connections(const NbdOptions& options) {
  return options.connections != 0 ? options.connections : kConnections;
}

class NbdTarget final : public Target {
 public:
  NbdTarget(NbdRequests::Connections connections, std::string name, const TargetOptions& options,
            const NbdOptions& nbd)
      : name_(std::move(name)),
        options_(options),
        size_(ask_size(connections)),
        limits_(ask_limits(*connections[0])),
        takes_another_(nbd_can_multi_conn(connections[0]->handle()) > 0 &&
                       connections.size() == wanted_connections(nbd)),
        options_for_zeros_{.connections = 1, .timeout = nbd.timeout},
        requests_(std::move(connections), nbd.requests != 0 ? nbd.requests : kRequests) {
    if (!limits_.has_zeros && options_.use != TargetUse::kReadOnly) {
      tell(name_, "NBD_CMD_WRITE_ZEROES", "the server does not have it", "zeros are written");
    }
    if (!limits_.has_flush && options_.use != TargetUse::kReadOnly) {
      tell(name_, "NBD_CMD_FLUSH", "the server does not have it",
           "what it has answered counts as stored");
    }
  }

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] TargetTraits traits() const override {
    return {.size = size_,
            .reads_as_zeros = options_.use == TargetUse::kReplace && options_.reads_as_zeros,
            .can_be_read = true,
            .keeps_failures = options_.use != TargetUse::kReadOnly,
            .block_size = limits_.preferred,
            .current_size = size_};
  }

  void set_size(std::uint64_t size) override {
    if (size > size_) throw_too_small(name_, size, size_);
  }

  // As long as nothing has been written, so that what was told stays true.
  [[nodiscard]] std::uint64_t zeros_at(GuestOffset offset) const override {
    const std::lock_guard lock(told_mutex_);
    if (is_written_ || !asks_for_zeros()) return 0;
    if (offset < told_.range.begin || offset >= told_.range.end()) {
      const auto run = told_disk_->runs({offset, size_ - offset.value()})->next();
      if (!run) return 0;
      told_ = *run;
    }
    return told_.is_data() ? 0 : told_.range.end() - offset;
  }

  void write(GuestOffset offset, std::span<const std::byte> bytes) override {
    is_written_ = true;
    for (GuestRange left = {offset, bytes.size()}; left.length != 0;) {
      const GuestRange piece = take_piece(left);
      write_piece(piece.begin, bytes.subspan(piece.begin - offset, piece.length));
    }
  }

  void zero(GuestRange range) override {
    is_written_ = true;
    const std::uint64_t begin = align_up(range.begin.value(), limits_.alignment);
    const std::uint64_t end = align_down(range.end().value(), limits_.alignment);
    if (begin >= end || !limits_.has_zeros || zeros_ == Zeros::kRefused) {
      write_zeros(range);
      return;
    }
    if (range.begin.value() < begin) write_zeros({range.begin, begin - range.begin.value()});
    for (GuestRange left = {GuestOffset(begin), end - begin}; left.length != 0;) {
      zero_piece(left.take_front(kMostZeroed));
    }
    if (end < range.end().value()) write_zeros({GuestOffset(end), range.end().value() - end});
  }

  void read(GuestOffset offset, std::span<std::byte> buffer) override {
    const NbdRequests::Claim claim(requests_, aligned({offset, buffer.size()}));
    read_claimed(offset, buffer);
  }

  void flush() override {
    requests_.wait();
    if (!limits_.has_flush || options_.use == TargetUse::kReadOnly) return;
    // Where there are several connections, one flush is for all of them (multi-conn).
    std::vector<NbdJob> flush;
    flush.push_back({.command = NbdCommand::kFlush});
    const int error = requests_.run(std::move(flush));
    if (error != 0) throw_target_error(name_, "flush failed", error);
  }

  void finish() override {
    flush();
    requests_.say_goodbye();
  }

 private:
  // Whether the server does what it says that it can.
  enum class Zeros { kUntried, kWork, kRefused };

  // Over a connection of its own, for the sake of which nothing may fail.
  [[nodiscard]] bool asks_for_zeros() const {
    if (!has_asked_ && takes_another_) {
      has_asked_ = true;
      told_disk_ = connect_for_zeros();
    }
    return told_disk_ != nullptr && told_disk_->size() == size_ && told_disk_->traits().knows_zeros;
  }

  [[nodiscard]] std::shared_ptr<const Disk> connect_for_zeros() const {
    NbdDisk::Connections connections;
    connections.push_back(
        connect_once_more(name_, options_for_zeros_.timeout,
                          [&](NbdConnection& connection) { connection.connect_uri(name_); }));
    if (connections[0] == nullptr) return nullptr;
    try {
      return std::make_shared<NbdDisk>(std::move(connections), options_for_zeros_, std::nullopt,
                                       nullptr);
    } catch (const Error& error) {
      tell(name_, "another connection", error.reason(), "its holes are read");
      return nullptr;
    }
  }

  static std::uint64_t ask_size(const NbdRequests::Connections& connections) {
    const NbdConnection& first = *connections[0];
    const std::int64_t size = nbd_get_size(first.handle());
    if (size < 0) first.throw_last_error("asking for its size failed");
    if (size == 0) {
      throw_target_error(first.name(), "is empty",
                         "the export has no size: nothing is attached to it");
    }
    for (const auto& connection : connections) {
      if (nbd_get_size(connection->handle()) != size) {
        throw_target_error(first.name(), "cannot be used",
                           "the server tells different sizes on different connections");
      }
    }
    return static_cast<std::uint64_t>(size);
  }

  [[nodiscard]] Limits ask_limits(const NbdConnection& connection) const {
    nbd_handle* handle = connection.handle();
    const auto block_size = [handle](int which) {
      return static_cast<std::uint64_t>(
          std::max<std::int64_t>(0, nbd_get_block_size(handle, which)));
    };
    Limits limits;
    const std::uint64_t minimum = block_size(LIBNBD_SIZE_MINIMUM);
    if (std::has_single_bit(minimum)) limits.alignment = minimum;
    if (size_ % limits.alignment != 0) {
      throw_target_error(name_, "cannot be used",
                         "its size is no multiple of the server's block size");
    }
    const std::uint64_t maximum = block_size(LIBNBD_SIZE_MAXIMUM);
    if (maximum != 0) limits.maximum = std::min(limits.maximum, maximum);
    limits.maximum = std::max(align_down(limits.maximum, limits.alignment), limits.alignment);
    const std::uint64_t preferred = block_size(LIBNBD_SIZE_PREFERRED);
    limits.preferred = static_cast<std::uint32_t>(limits.alignment);
    if (std::has_single_bit(preferred) && preferred > limits.alignment) {
      limits.preferred = static_cast<std::uint32_t>(std::max<std::uint64_t>(
          limits.alignment, std::min<std::uint64_t>(preferred, kLargestBlock)));
    }
    limits.has_zeros = nbd_can_zero(handle) > 0;
    limits.has_flush = nbd_can_flush(handle) > 0;
    return limits;
  }

  [[nodiscard]] GuestRange aligned(GuestRange range) const {
    const std::uint64_t begin = align_down(range.begin.value(), limits_.alignment);
    return {GuestOffset(begin), align_up(range.end().value(), limits_.alignment) - begin};
  }

  // Cuts off what goes in one request, when it is aligned.
  GuestRange take_piece(GuestRange& left) const {
    return left.take_front(limits_.maximum - left.begin.value() % limits_.alignment);
  }

  void write_piece(GuestOffset offset, std::span<const std::byte> bytes) {
    const GuestRange piece = {offset, bytes.size()};
    const GuestRange whole = aligned(piece);
    NbdRequests::Claim claim(requests_, whole);
    NbdJob job{.command = NbdCommand::kWrite, .range = whole};
    if (whole == piece) {
      job.own.assign(bytes.begin(), bytes.end());
    } else {
      job.own.resize(whole.length);
      read_edges(piece, whole, job.own);
      std::ranges::copy(bytes, job.own.begin() + static_cast<std::ptrdiff_t>(offset - whole.begin));
    }
    requests_.begin(claim, std::move(job));
  }

  // Reads those blocks into `bytes`, which is for `whole`, of which the piece covers a part only.
  void read_edges(GuestRange piece, GuestRange whole, std::span<std::byte> bytes) {
    const std::uint64_t block = limits_.alignment;
    const bool has_head = piece.begin != whole.begin;
    const bool has_tail = piece.end() != whole.end();
    if (has_head) read_claimed(whole.begin, bytes.first(block));
    if (has_tail && (!has_head || whole.length != block)) {
      read_claimed(whole.end() - block, bytes.last(block));
    }
  }

  void write_zeros(GuestRange range) {
    static const std::vector<std::byte> zeros(kRequestSize);
    while (range.length != 0) {
      const GuestRange piece = take_piece(range);
      if (aligned(piece) != piece) {
        write_piece(piece.begin, std::span(zeros).first(piece.length));
        continue;
      }
      NbdRequests::Claim claim(requests_, piece);
      requests_.begin(claim,
                      {.command = NbdCommand::kWrite, .range = piece, .bytes = zeros.data()});
    }
  }

  // The first one shows whether the server can do it.
  void zero_piece(GuestRange piece) {
    if (zeros_ == Zeros::kRefused) {
      write_zeros(piece);
      return;
    }
    NbdJob job{.command = NbdCommand::kZero, .range = piece};
    if (zeros_ == Zeros::kWork) {
      NbdRequests::Claim claim(requests_, piece);
      requests_.begin(claim, std::move(job));
      return;
    }
    const int error = try_zeros(std::move(job));
    if (error == 0) return;
    if (error != ENOTSUP) throw_write_error(name_, piece.begin, error);
    tell(name_, "NBD_CMD_WRITE_ZEROES", error, "zeros are written");
    write_zeros(piece);
  }

  int try_zeros(NbdJob job) {
    const NbdRequests::Claim claim(requests_, job.range);
    std::vector<NbdJob> jobs;
    jobs.push_back(std::move(job));
    const int error = requests_.run(std::move(jobs));
    if (error == 0) zeros_ = Zeros::kWork;
    if (error == ENOTSUP) zeros_ = Zeros::kRefused;
    return error;
  }

  void read_claimed(GuestOffset offset, std::span<std::byte> buffer) {
    const GuestRange wanted = {offset, buffer.size()};
    const GuestRange whole = aligned(wanted);
    std::vector<std::byte> own;
    std::span<std::byte> bytes = buffer;
    if (whole != wanted) {
      own.resize(whole.length);
      bytes = own;
    }
    std::vector<NbdJob> jobs;
    for (GuestRange left = whole; left.length != 0;) {
      const GuestRange piece = take_piece(left);
      jobs.push_back({.command = NbdCommand::kRead,
                      .range = piece,
                      .buffer = bytes.data() + (piece.begin - whole.begin)});
    }
    const int error = requests_.run(std::move(jobs));
    if (error != 0) throw_target_read_error(name_, offset, error);
    if (whole != wanted) {
      std::ranges::copy(bytes.subspan(offset - whole.begin, buffer.size()), buffer.begin());
    }
  }

  std::string name_;
  TargetOptions options_;
  std::uint64_t size_;
  Limits limits_;
  std::atomic<Zeros> zeros_ = Zeros::kUntried;
  std::atomic<bool> is_written_ = false;
  const bool takes_another_;  // connection; it has taken all so far
  const NbdOptions options_for_zeros_;
  mutable std::mutex told_mutex_;  // of what follows
  mutable bool has_asked_ = false;
  mutable std::shared_ptr<const Disk> told_disk_;
  mutable Run told_;
  NbdRequests requests_;
};

NbdRequests::Connections connect_all(const std::string& uri, const TargetOptions& options,
                                     const NbdOptions& nbd) {
  NbdRequests::Connections connections;
  connections.push_back(std::make_unique<NbdConnection>(uri, nbd.timeout));
  connections[0]->connect_uri(uri);
  nbd_handle* first = connections[0]->handle();
  if (options.use != TargetUse::kReadOnly && nbd_is_read_only(first) > 0) {
    throw_target_error(uri, "cannot be written", "the server lets nobody write to it");
  }
  while (nbd_can_multi_conn(first) > 0 && connections.size() < wanted_connections(nbd)) {
    auto another = connect_once_more(
        uri, nbd.timeout, [&](NbdConnection& connection) { connection.connect_uri(uri); });
    if (another == nullptr) break;
    connections.push_back(std::move(another));
  }
  return connections;
}

}  // namespace

std::unique_ptr<Target> open_nbd_target(const std::string& uri, const TargetOptions& options,
                                        const NbdOptions& nbd) {
  try {
    return std::make_unique<NbdTarget>(connect_all(uri, options, nbd), uri, options, nbd);
  } catch (Error& error) {
    error.about(ErrorSubject::kTarget);
    throw;
  }
}

}  // namespace qcow2stream
