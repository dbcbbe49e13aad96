// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

#include "base/bits.h"
#include "base/errors.h"
#include "disk/nbd/context.h"
#include "disk/nbd/damage.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// The largest length of 32 bits that is a multiple of any alignment.
constexpr std::uint64_t kMostPerRequest = 1ULL << 31;

class NbdRuns final : public RunCursor {
 public:
  NbdRuns(NbdConnection& connection, GuestRange range, std::uint64_t alignment)
      : runs_(connection, range, alignment,
              {.contexts = {LIBNBD_CONTEXT_BASE_ALLOCATION},
               .subject = "holes",
               .advice = Advice::kWithoutExtents}) {}

  std::optional<Run> next() override {
    const auto run = runs_.next();
    if (!run) return std::nullopt;
    return Run{.range = run->range,
               .holds = data_or_zeros((run->flags[0] & LIBNBD_STATE_ZERO) == 0)};
  }

 private:
  StatusCursor runs_;
};

class NbdChangeCursor final : public RunCursor {
 public:
  NbdChangeCursor(NbdConnection& connection, GuestRange range, std::uint64_t alignment)
      : is_depth_(connection.context() == kAllocationDepthContext),
        runs_(connection, range, alignment, question(connection)) {}

  // Makes one run of neighbours of the same kind.
  std::optional<Run> next() override {
    std::optional<Run> change = std::exchange(ahead_, std::nullopt);
    if (!change) change = next_run();
    if (!change) return std::nullopt;
    while ((ahead_ = next_run()) && ahead_->holds == change->holds) {
      change->range.length += ahead_->range.length;
    }
    return change;
  }

 private:
  static StatusQuestion question(const NbdConnection& connection) {
    StatusQuestion question{.contexts = {connection.context()}, .subject = "changes"};
    if (nbd_can_meta_context(connection.handle(), LIBNBD_CONTEXT_BASE_ALLOCATION) > 0) {
      question.contexts.emplace_back(LIBNBD_CONTEXT_BASE_ALLOCATION);
    }
    return question;
  }

  std::optional<Run> next_run() {
    const auto run = runs_.next();
    if (!run) return std::nullopt;
    const std::uint32_t flags = run->flags[0];
    // A depth of 1 stands for the image itself, 0 for nowhere, all else for images below it. Of a
    // bitmap's flags only the first has a meaning (QEMU, docs/interop/nbd.txt).
    const bool changed = is_depth_ ? flags == 1 : (flags & 1) != 0;
    const bool zero = (run->flags[1] & LIBNBD_STATE_ZERO) != 0;
    const auto kind = zero ? Run::Holds::kZeros : Run::Holds::kData;
    return Run{.range = run->range, .holds = changed ? kind : Run::Holds::kBelow};
  }

  bool is_depth_;
  StatusCursor runs_;
  std::optional<Run> ahead_;
};

}  // namespace

std::vector<BlockStatus> merge_status(GuestRange range, GuestOffset begin, const StatusRuns& runs) {
  assert(begin <= range.begin);
  std::vector<BlockStatus> merged;
  const std::size_t contexts = runs[1].empty() ? 1 : 2;
  std::array<std::size_t, 2> index{};
  std::array<GuestOffset, 2> ends{begin, begin};  // of the runs before `index`
  for (GuestOffset at = begin; at < range.end();) {
    BlockStatus status;
    GuestOffset end = range.end();
    for (std::size_t i = 0; i < contexts; ++i) {
      while (ends[i] == at) {
        if (index[i] == runs[i].size()) return merged;
        ends[i] += runs[i][index[i]++].length;
      }
      status.flags[i] = runs[i][index[i] - 1].flags;
      end = std::min(end, ends[i]);
    }
    const GuestOffset from = std::max(at, range.begin);
    if (end > from) {
      status.range = {from, end - from};
      merged.push_back(status);
    }
    at = end;
  }
  return merged;
}

StatusCursor::StatusCursor(NbdConnection& connection, GuestRange range, std::uint64_t alignment,
                           StatusQuestion question)
    : connection_(connection),
      at_(range.begin),
      end_(range.end()),
      alignment_(alignment),
      question_(std::move(question)) {}

std::optional<BlockStatus> StatusCursor::next() {
  while (next_ == merged_.size()) {
    if (at_ >= end_) return std::nullopt;
    ask();
  }
  return merged_[next_++];
}

void StatusCursor::ask() {
  // The range may begin anywhere, but a request must be aligned.
  const GuestOffset begin(align_down(at_.value(), alignment_));
  const std::uint64_t length =
      std::min(align_up(end_.value(), alignment_) - begin.value(), kMostPerRequest);
  const Answer answer = wait_for_answer(begin, length);
  if (answer.error != 0) throw_failed({begin, length}, answer.error);
  const bool complete = question_.contexts.size() < 2 || !answer.runs[1].empty();
  merged_.clear();
  if (complete) merged_ = merge_status({at_, end_ - at_}, begin, answer.runs);
  next_ = 0;
  if (merged_.empty()) {
    throw Error(ErrorKind::kFailed, connection_.name(),
                fmt::format("asking for {} failed", question_.subject),
                "the server gives an empty answer")
        .about(ErrorSubject::kDisk)
        .advise(question_.advice);
  }
  at_ = merged_.back().range.end();
}

void StatusCursor::throw_failed(GuestRange range, int error) const {
  Damage damage{.offset = range.begin, .reason = errno_text(error), .is_read = true};
  if (Damages* damages = connection_.damages()) {
    damage = damages->look_for(NbdRequest::kStatus, range, error);
  }
  throw Error(
      ErrorKind::kFailed, connection_.name(),
      fmt::format("asking for {} at offset {} failed", question_.subject, damage.offset.value()),
      damage.reason)
      .with_errno(error)
      .at(damage.offset.value())
      .about(ErrorSubject::kDisk)
      .advise(damage.is_read ? question_.advice : Advice::kNone);
}

StatusCursor::Answer StatusCursor::wait_for_answer(GuestOffset begin, std::uint64_t length) {
  const std::lock_guard lock(connection_.mutex());
  Answer answer{.question = &question_};
  const nbd_extent_callback take{
      .callback = &StatusCursor::take, .user_data = &answer, .free = nullptr};
  const nbd_completion_callback done{
      .callback = &StatusCursor::completed, .user_data = &answer, .free = nullptr};
  connection_.check_not_lost();
  if (nbd_aio_block_status(connection_.handle(), length, begin.value(), take, done, 0) < 0) {
    connection_.throw_last_error(fmt::format("asking for {} failed", question_.subject));
  }
  try {
    connection_.run_until([&] { return answer.finished; });
  } catch (const Error&) {
    connection_.close();  // libnbd must not call back into `answer` anymore
    throw;
  }
  return answer;
}

int StatusCursor::take(void* user_data, const char* context, std::uint64_t /*offset*/,
                       std::uint32_t* entries,  // NOLINT(readability-non-const-parameter): libnbd's
                       std::size_t count, int* error) {
  auto* answer = static_cast<Answer*>(user_data);
  const auto& contexts = answer->question->contexts;
  const auto found = std::ranges::find(contexts, context);
  if (found == contexts.end()) return 0;
  auto& runs = answer->runs[static_cast<std::size_t>(found - contexts.begin())];
  try {
    for (std::size_t i = 0; i + 1 < count; i += 2) {
      runs.push_back({.length = entries[i], .flags = entries[i + 1]});
    }
  } catch (const std::bad_alloc&) {  // libnbd is C
    *error = ENOMEM;
    return -1;
  }
  return 0;
}

// NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
int StatusCursor::completed(void* user_data, int* error) {
  auto* answer = static_cast<Answer*>(user_data);
  answer->error = *error;
  answer->finished = true;
  return may_forget_command(*error);
}

std::unique_ptr<RunCursor> make_nbd_runs(NbdConnection& connection, GuestRange range,
                                         std::uint64_t alignment) {
  return std::make_unique<NbdRuns>(connection, range, alignment);
}

std::unique_ptr<RunCursor> make_nbd_changes(NbdConnection& connection, GuestRange range,
                                            std::uint64_t alignment) {
  return std::make_unique<NbdChangeCursor>(connection, range, alignment);
}

}  // namespace qcow2stream
