// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd/damage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bits.h"
#include "base/errors.h"
#include "disk/nbd/nbd_disk.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// The smallest unit in which storage fails, and in which QEMU's formats have clusters.
constexpr std::uint64_t kSector = 512;

// A disk that tries for long before it gives up a sector makes each question expensive.
constexpr std::chrono::seconds kMostTime{5};

// How much is asked for at once, if the server does not want less.
constexpr std::uint64_t kLargestRead = 1U << 20;
constexpr std::uint64_t kLargestStatus = 1U << 30;

// What became of one request.
struct Answer {
  bool finished = false;
  int error = 0;
  std::uint64_t length = 0;  // what block status covers
};

// NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
int completed(void* user_data, int* error) {
  auto* answer = static_cast<Answer*>(user_data);
  answer->error = *error;
  answer->finished = true;
  return may_forget_command(*error);
}

// NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
int arrived(void* /*user_data*/, const void* /*bytes*/, std::size_t /*count*/,
            std::uint64_t /*offset*/, unsigned /*status*/, int* /*error*/) {
  return 0;
}

int covered(void* user_data, const char* /*context*/, std::uint64_t /*offset*/,
            std::uint32_t* entries,  // NOLINT(readability-non-const-parameter): libnbd's
            std::size_t count, int* /*error*/) {
  auto* answer = static_cast<Answer*>(user_data);
  answer->length = 0;  // of several contexts, the last one
  for (std::size_t i = 0; i + 1 < count; i += 2) answer->length += entries[i];
  return 0;
}

// How much of one request the server answers. The connection's mutex must be held.
std::uint64_t answer_length(NbdConnection& connection, NbdRequest request, GuestRange range,
                            std::vector<std::byte>& buffer) {
  Answer answer;
  const nbd_completion_callback done{.callback = completed, .user_data = &answer, .free = nullptr};
  connection.check_not_lost();
  std::int64_t sent = 0;
  if (request == NbdRequest::kRead) {
    buffer.resize(range.length);
    const nbd_chunk_callback chunk{.callback = arrived, .user_data = nullptr, .free = nullptr};
    // Without this flag QEMU hangs up where it fails, as queue.cc says.
    const std::uint32_t whole_answer = nbd_can_df(connection.handle()) > 0 ? LIBNBD_CMD_FLAG_DF : 0;
    sent = nbd_aio_pread_structured(connection.handle(), buffer.data(), range.length,
                                    range.begin.value(), chunk, done, whole_answer);
  } else {
    const nbd_extent_callback extent{.callback = covered, .user_data = &answer, .free = nullptr};
    sent = nbd_aio_block_status(connection.handle(), range.length, range.begin.value(), extent,
                                done, 0);
  }
  if (sent < 0) return 0;
  try {
    connection.run_until([&] { return answer.finished; });
  } catch (const Error&) {
    connection.close();  // libnbd must not call back into `answer` anymore
    throw;
  }
  if (answer.error != 0) return 0;
  return request == NbdRequest::kRead ? range.length : std::min(answer.length, range.length);
}

}  // namespace

GuestOffset first_unanswered(GuestRange range, std::uint64_t unit,
                             const std::function<GuestOffset(GuestRange)>& answered) {
  const auto give_up = std::chrono::steady_clock::now() + kMostTime;
  // Everything before `good` is answered, but not everything before `bad`.
  GuestOffset good = range.begin;
  GuestOffset bad = range.end();
  bool is_sure = false;
  while (bad - good > unit) {
    if (std::chrono::steady_clock::now() > give_up) return good;
    const GuestOffset middle(align_down(good.value() + (bad - good) / 2, unit));
    // A range that begins in the middle of a unit.
    const GuestOffset next = middle > good ? middle : good + unit;
    const GuestOffset reached = answered({good, next - good});
    if (reached >= next) {
      good = next;
      continue;
    }
    good = std::max(good, GuestOffset(align_down(reached.value(), unit)));
    bad = next;
    is_sure = true;
  }
  // The failure may have been temporary.
  if (!is_sure && answered({good, bad - good}) >= bad) return range.begin;
  return good;
}

GuestOffset answered_by(NbdConnection& connection, const NbdLimits& limits, NbdRequest request,
                        GuestRange range) {
  const std::uint64_t most =
      request == NbdRequest::kRead
          ? std::max(align_down(std::min(kLargestRead, limits.maximum), limits.alignment),
                     limits.alignment)
          : kLargestStatus;
  std::vector<std::byte> buffer;
  try {
    const std::lock_guard lock(connection.mutex());
    while (range.length > 0) {
      // Questions must be of whole units. The disk consists of them.
      const std::uint64_t before = range.begin.value() % limits.alignment;
      const GuestRange asked = {range.begin - before,
                                std::min(align_up(range.length + before, limits.alignment), most)};
      const std::uint64_t length = answer_length(connection, request, asked, buffer);
      if (length <= before) break;
      range.take_front(length - before);
    }
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): then it answers nothing
  }
  return range.begin;
}

std::string last_words(std::string_view output) {
  const auto last_line = [](std::string_view text) { return text.substr(text.rfind('\n') + 1); };
  const std::string_view last = last_line(output);
  while (true) {
    const std::string_view line = last_line(output);
    if (line.find(": debug: ") == std::string_view::npos) return end_of_words(std::string(line));
    if (line.size() == output.size()) return end_of_words(std::string(last));
    output.remove_suffix(line.size() + 1);
  }
}

std::string end_of_words(const std::string& words) {
  constexpr std::size_t kMost = 1000;
  return words.size() <= kMost ? words : "..." + words.substr(words.size() - kMost);
}

Damages::Damages(const NbdDisk& disk, std::optional<OwnServer> server)
    : disk_(disk),
      server_(std::move(server)),
      said_before_(server_ ? server_->child.output_written() : 0) {}

Damage Damages::look_for(NbdRequest request, GuestRange range, int error) {
  const std::lock_guard lock(mutex_);
  if (end_of_server_) return *end_of_server_;
  const std::uint64_t unit = std::max(kSector, disk_.limits().alignment);
  const auto answered = [&](GuestRange part) { return disk_.answered(request, part); };
  Damage damage{.offset = range.begin, .reason = ""};
  if (error == ENOTCONN) {  // libnbd's own number for a connection that is gone: nothing is damaged
    damage.reason = reason(error);
    return damage;
  }
  const GuestRange first = range.first(unit);
  if (answered(first) == first.end()) {
    damage.offset = first_unanswered(range, unit, answered);
  } else if (server_ && server_->another) {
    // QEMU 7.2 also breaks a connection with two contexts where block status fails: it answers
    // twice.
    if (auto found = ask_another(request, range)) {
      found->reason = reason(error);
      // Where another server gets further than this one, this one has come to its end.
      const GuestRange rest = range.without_first(unit);
      if (found->offset < range.begin || found->offset >= rest.begin) end_of_server_ = found;
      return *found;
    }
  }
  damage.is_read = disk_.reads_at(damage.offset);
  damage.reason = reason(error);
  return damage;
}

// Asks a new server. Nothing if that has no difficulty.
std::optional<Damage> Damages::ask_another(NbdRequest request, GuestRange range) {
  std::shared_ptr<const NbdDisk> server;
  try {
    const auto ask = [&](GuestRange part) {
      if (server == nullptr) server = server_->another();
      const GuestOffset reached = server->answered(request, part);
      if (reached < part.end()) server = nullptr;
      return reached;
    };
    if (ask(range) == range.end()) {
      // Then it was another request that met the damage. No server gets over damage in tables.
      if (!disk_.traits().knows_zeros) return std::nullopt;
      request = NbdRequest::kStatus;
      range = {GuestOffset(0), disk_.size()};
      if (ask(range) == range.end()) return std::nullopt;
    }
    Damage damage{.offset = first_unanswered(range, kSector, ask), .reason = ""};
    if (server == nullptr) server = server_->another();
    damage.is_read = server->reads_at(damage.offset);
    return damage;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string Damages::words() const {
  const std::string output = server_ ? server_->child.output(said_before_) : "";
  if (output.empty()) return "";
  return server_->reason ? server_->reason(output) : last_words(output);
}

std::string Damages::reason(int error) const {
  std::string text = errno_text(error);
  if (!server_) return text;
  std::string now = words();
  // These numbers say no more than that the request failed.
  if (!now.empty() && (error == EIO || error == EINVAL)) return now;
  if (!now.empty()) return fmt::format("{}; the server says: {}", text, now);
  const std::string before = server_->warnings ? server_->warnings(server_->child.output()) : "";
  return before.empty() ? text : fmt::format("{}; the server said before: {}", text, before);
}

}  // namespace qcow2stream
