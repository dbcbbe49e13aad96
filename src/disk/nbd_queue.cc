// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/errors.h"
#include "disk/file_reads.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

class NbdQueue final : public RequestQueue {
 public:
  NbdQueue(NbdConnection& connection, const NbdLimits& limits)
      : connection_(connection),
        limits_(limits),
        // Without DF a server that fails in the middle of an answer has to hang up (qemu does).
        whole_answers_(nbd_can_df(connection.handle()) > 0) {}

  ~NbdQueue() override {
    // Nothing may be written to the buffers afterwards. A connection that is given up does not.
    const std::lock_guard lock(connection_.mutex());
    try {
      connection_.run_until([this] {
        return std::ranges::all_of(requests_, [](const Request& r) { return r.pending == 0; });
      });
    } catch (const Error&) {
      connection_.close();
    }
  }
  NbdQueue(const NbdQueue&) = delete;
  NbdQueue& operator=(const NbdQueue&) = delete;

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
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
    const std::lock_guard lock(connection_.mutex());
    auto found = requests_.end();
    connection_.run_until([&] {
      found = std::ranges::find_if(requests_, [](const Request& r) { return r.pending == 0; });
      return found != requests_.end();
    });
    Request request = std::move(*found);
    requests_.erase(found);
    // libnbd takes an answer of too few bytes for a complete one, and so would we.
    if (request.error == 0 && request.missing != 0) request.error = EPROTO;
    if (request.error != 0) throw_read_error(connection_.name(), request.offset, request.error);
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
    std::vector<std::byte> aligned;  // what the server reads, where that is more than was asked for
    std::uint64_t missing = 0;       // bytes that have not arrived
    int error = 0;
    unsigned pending = 0;  // parts that are under way
  };

  void send(Request& request, std::uint64_t offset, std::span<std::byte> piece) {
    if (connection_.is_lost()) connection_.throw_lost();
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
    return 1;  // libnbd may forget the command
  }

  NbdConnection& connection_;
  NbdLimits limits_;
  bool whole_answers_;
  std::list<Request> requests_;  // libnbd holds pointers to its elements
};

// Asks for as much as one request can name, takes what the server says (at least one extent) and
// goes on from there.
class NbdExtents final : public ExtentCursor {
 public:
  NbdExtents(NbdConnection& connection, GuestRange range, std::uint64_t alignment)
      : connection_(connection), at_(range.begin), end_(range.end()), alignment_(alignment) {}

  std::optional<Extent> next() override {
    while (next_ == reply_.extents.size()) {
      if (at_ >= end_) return std::nullopt;
      ask();
    }
    return reply_.extents[next_++];
  }

 private:
  // A 32-bit length that any alignment divides.
  static constexpr std::uint64_t kMostPerRequest = 1ULL << 31;

  struct Reply {
    GuestOffset at;
    GuestOffset end;
    std::vector<Extent> extents;
    int error = 0;
    bool finished = false;
  };

  void ask() {
    const std::lock_guard lock(connection_.mutex());
    // The range may begin anywhere, the question may not.
    const GuestOffset begin(align_down(at_.value(), alignment_));
    const std::uint64_t length =
        std::min(align_up(end_.value(), alignment_) - begin.value(), kMostPerRequest);
    reply_ = Reply{.at = begin, .end = begin + length};
    next_ = 0;
    const nbd_extent_callback take{
        .callback = &NbdExtents::take, .user_data = &reply_, .free = nullptr};
    const nbd_completion_callback done{
        .callback = &NbdExtents::completed, .user_data = &reply_, .free = nullptr};
    if (nbd_aio_block_status(connection_.handle(), length, begin.value(), take, done, 0) < 0) {
      connection_.throw_last_error("asking for holes failed");
    }
    connection_.run_until([this] { return reply_.finished; });
    if (reply_.error != 0) {
      throw system_error(connection_.name(),
                         fmt::format("asking for holes at offset {} failed", begin.value()),
                         reply_.error);
    }
    if (reply_.extents.empty()) {
      throw Error(ErrorKind::kFailed, connection_.name(), "asking for holes failed",
                  "the server gives an empty answer; --no-extents does without");
    }
    clip();
  }

  // Servers may say more than was asked, and the question began too early.
  void clip() {
    for (Extent& extent : reply_.extents) {
      const GuestOffset begin = std::max(extent.range.begin, at_);
      const GuestOffset end = std::min(extent.range.end(), end_);
      extent.range = {begin, end > begin ? end - begin : 0};
    }
    std::erase_if(reply_.extents, [](const Extent& e) { return e.range.length == 0; });
    at_ = std::min(reply_.at, end_);
  }

  static int take(void* user_data, const char* context, std::uint64_t /*offset*/,
                  std::uint32_t* entries,  // NOLINT(readability-non-const-parameter): libnbd's
                  std::size_t count, int* /*error*/) {
    auto* reply = static_cast<Reply*>(user_data);
    if (std::string_view(context) != LIBNBD_CONTEXT_BASE_ALLOCATION) return 0;
    for (std::size_t i = 0; i + 1 < count; i += 2) {
      const std::uint64_t length = entries[i];
      const bool zeros = (entries[i + 1] & LIBNBD_STATE_ZERO) != 0;
      if (length > 0) reply->extents.push_back({{reply->at, length}, !zeros});
      reply->at += length;
    }
    return 0;
  }

  // NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
  static int completed(void* user_data, int* error) {
    auto* reply = static_cast<Reply*>(user_data);
    reply->error = *error;
    reply->finished = true;
    return 1;
  }

  NbdConnection& connection_;
  GuestOffset at_;  // the next question begins here
  GuestOffset end_;
  std::uint64_t alignment_;
  Reply reply_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<RequestQueue> make_nbd_queue(NbdConnection& connection, const NbdLimits& limits) {
  return std::make_unique<NbdQueue>(connection, limits);
}

std::unique_ptr<ExtentCursor> make_nbd_extents(NbdConnection& connection, GuestRange range,
                                               std::uint64_t alignment) {
  return std::make_unique<NbdExtents>(connection, range, alignment);
}

}  // namespace qcow2stream
