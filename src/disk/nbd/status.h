// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a server tells about runs of its disk: block status, in one metadata context or several.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "disk/nbd/connection.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// A run as a server tells it in one context.
struct StatusRun {
  std::uint64_t length = 0;
  std::uint32_t flags = 0;
};

// What a server tells in each of one or two contexts, from one offset on. The second is empty where
// there is no second context; otherwise they may cover different lengths.
using StatusRuns = std::array<std::vector<StatusRun>, 2>;

// A run in which no context's flags change.
struct BlockStatus {
  GuestRange range;
  std::array<std::uint32_t, 2> flags{};  // 0 where there is no second context
};

// What all contexts cover of `range`, from its beginning on. The server's runs begin at `begin`,
// which is not behind that of the range, and may go on behind its end.
std::vector<BlockStatus> merge_status(GuestRange range, GuestOffset begin, const StatusRuns& runs);

// What is asked, and the words for it in errors.
struct StatusQuestion {
  std::vector<std::string> contexts;  // names that the connection has negotiated: one or two
  std::string subject;                // "asking for SUBJECT failed"
  Advice advice = Advice::kNone;      // for a caller who gets no answer
};

// Walks the runs of a range, which lies within the disk, in ascending order and without gaps. Asks
// for as much as one request can name, takes what the server tells in all contexts and goes on from
// there. The connection must outlive it. Belongs to one thread.
class StatusCursor {
 public:
  // Questions begin and end at multiples of `alignment`, a power of two.
  StatusCursor(NbdConnection& connection, GuestRange range, std::uint64_t alignment,
               StatusQuestion question);

  // The next run (never empty), or nothing at the end of the range. Throws Error{kFailed}.
  std::optional<BlockStatus> next();

 private:
  struct Answer {
    const StatusQuestion* question = nullptr;
    StatusRuns runs;
    int error = 0;
    bool finished = false;
  };

  void ask();
  [[noreturn]] void throw_failed(GuestRange range, int error) const;
  [[nodiscard]] Answer wait_for_answer(GuestOffset begin, std::uint64_t length);
  static int take(void* user_data, const char* context, std::uint64_t offset,
                  std::uint32_t* entries, std::size_t count, int* error);
  static int completed(void* user_data, int* error);

  NbdConnection& connection_;
  GuestOffset at_;  // the next question begins here
  GuestOffset end_;
  std::uint64_t alignment_;
  StatusQuestion question_;
  std::vector<BlockStatus> merged_;
  std::size_t next_ = 0;
};

// The extents of `range` as base:allocation tells them.
std::unique_ptr<RunCursor> make_nbd_runs(NbdConnection& connection, GuestRange range,
                                         std::uint64_t alignment);

// The changes in `range` as the connection's additional context tells them: dirty bitmaps, and what
// an image holds by qemu:allocation-depth. What reads as zeros is known from base:allocation, if
// the server has it.
std::unique_ptr<RunCursor> make_nbd_changes(NbdConnection& connection, GuestRange range,
                                            std::uint64_t alignment);

}  // namespace qcow2stream
