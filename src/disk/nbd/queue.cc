// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd/queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <exception>
#include <list>
#include <vector>

#include "base/bits.h"
#include "base/errors.h"
#include "disk/nbd/damage.h"
#include "disk/source_errors.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

class NbdQueue final : public RequestQueue {
 public:
  NbdQueue(NbdConnection& connection, const NbdLimits& limits)
      : connection_(connection),
        limits_(limits),
        // Without DF a server that fails in the middle of an answer has to hang up, and QEMU does.
        whole_answers_(nbd_can_df(connection.handle()) > 0) {}

  ~NbdQueue() override {
    // Nothing may be written to the buffers afterwards. If the connection is given up, nothing is.
    const std::lock_guard lock(connection_.mutex());
    try {
      connection_.run_until([this] {
        return std::ranges::all_of(requests_, [](const Request& r) { return r.pending == 0; });
      });
    } catch (const std::exception&) {  // also without memory for the words
      connection_.close();
    }
  }
  NbdQueue(const NbdQueue&) = delete;
  NbdQueue& operator=(const NbdQueue&) = delete;

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
    assert(!buffer.empty());
    const std::lock_guard lock(connection_.mutex());
    Request& request = requests_.emplace_back();
    request.offset = offset;
    request.buffer = buffer;
    request.tag = tag;
    std::uint64_t begin = align_down(offset.value(), limits_.alignment);
    const std::uint64_t end = align_up(offset.value() + buffer.size(), limits_.alignment);
    std::span<std::byte> target = buffer;
    if (end - begin != buffer.size()) {
      request.aligned.resize(end - begin);
      target = request.aligned;
    }
    while (!target.empty()) {
      const auto piece = target.first(std::min<std::uint64_t>(target.size(), limits_.maximum));
      send(request, begin, piece);
      begin += piece.size();
      target = target.subspan(piece.size());
    }
  }

  std::uint64_t wait() override {
    std::unique_lock lock(connection_.mutex());
    auto found = requests_.end();
    connection_.run_until([&] {
      found = std::ranges::find_if(requests_, [](const Request& r) { return r.pending == 0; });
      return found != requests_.end();
    });
    Request request = std::move(*found);
    requests_.erase(found);
    // libnbd takes an answer of too few bytes for a complete one, and so would we.
    if (request.error == 0 && request.missing != 0) request.error = EPROTO;
    lock.unlock();
    if (request.error != 0) throw_failed(request);
    if (!request.aligned.empty()) {
      const auto skip = request.offset.value() % limits_.alignment;
      std::ranges::copy(std::span(request.aligned).subspan(skip, request.buffer.size()),
                        request.buffer.begin());
    }
    return request.tag;
  }

 private:
  struct Request {
    GuestOffset offset;
    std::span<std::byte> buffer;
    std::uint64_t tag = 0;
    std::vector<std::byte> aligned;  // what the server sends, if that is more than was asked for
    std::uint64_t missing = 0;       // how many bytes have not arrived
    int error = 0;
    unsigned pending = 0;  // parts that are under way
  };

  [[noreturn]] void throw_failed(const Request& request) const {
    if (connection_.damages() == nullptr) {
      throw_read_error(connection_.name(), request.offset, request.error);
    }
    const Damage damage = connection_.damages()->look_for(
        NbdRequest::kRead, {request.offset, request.buffer.size()}, request.error);
    throw_read_error(connection_.name(), damage.offset, request.error, damage.reason);
  }

  void send(Request& request, std::uint64_t offset, std::span<std::byte> piece) {
    connection_.check_not_lost();
    const nbd_completion_callback done{
        .callback = &NbdQueue::completed, .user_data = &request, .free = nullptr};
    const nbd_chunk_callback chunk{
        .callback = &NbdQueue::arrived, .user_data = &request, .free = nullptr};
    ++request.pending;
    request.missing += piece.size();
    if (nbd_aio_pread_structured(connection_.handle(), piece.data(), piece.size(), offset, chunk,
                                 done, whole_answers_ ? LIBNBD_CMD_FLAG_DF : 0) < 0) {
      --request.pending;
      connection_.throw_last_error(fmt::format("read at offset {} failed", offset));
    }
  }

  // NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
  static int arrived(void* user_data, const void* /*bytes*/, std::size_t count,
                     std::uint64_t /*offset*/, unsigned /*status*/, int* /*error*/) {
    static_cast<Request*>(user_data)->missing -= count;
    return 0;
  }

  // NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
  static int completed(void* user_data, int* error) {
    auto* request = static_cast<Request*>(user_data);
    if (*error != 0) request->error = *error;
    --request->pending;
    return may_forget_command(*error);
  }

  NbdConnection& connection_;
  NbdLimits limits_;
  bool whole_answers_;
  std::list<Request> requests_;  // libnbd holds pointers to its elements
};

}  // namespace

std::unique_ptr<RequestQueue> make_nbd_queue(NbdConnection& connection, const NbdLimits& limits) {
  return std::make_unique<NbdQueue>(connection, limits);
}

}  // namespace qcow2stream
