// SPDX-License-Identifier: GPL-2.0-or-later
//
// Asks a server for block status: what it tells about runs of its disk, in one or two metadata
// contexts.

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

// The runs that a server tells in each of one or two contexts, from one offset on. The second list
// is empty if there is no second context. The two may cover different lengths.
using StatusRuns = std::array<std::vector<StatusRun>, 2>;

// A run in which no context's flags change.
struct BlockStatus {
  GuestRange range;
  std::array<std::uint32_t, 2> flags{};  // the second is 0 if there is no second context
};

// The runs of `range`, from its beginning on as far as all contexts cover it. The server's runs
// begin at `begin`, which must not lie behind the beginning of the range, and may go on behind its
// end.
std::vector<BlockStatus> merge_status(GuestRange range, GuestOffset begin, const StatusRuns& runs);

// What is asked, and what errors call it.
struct StatusQuestion {
  std::vector<std::string> contexts;  // names that the connection has negotiated: one or two
  std::string subject;                // "asking for SUBJECT failed"
  Advice advice = Advice::kNone;      // what may help if the server does not answer
};

// Walks the runs of a range, which must lie within the disk, in ascending order and without gaps.
// Asks for as much as one request can name, takes what the server tells in all contexts and goes on
// from there. The connection must outlive it. Belongs to one thread.
class StatusCursor {
 public:
  // Requests begin and end at multiples of `alignment`, which must be a power of two.
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

// The changes in `range` as the connection's additional context tells them: what a dirty bitmap
// marks, or what the image itself holds by qemu:allocation-depth. Which of them read as zeros is
// known from base:allocation, if the server has that.
std::unique_ptr<RunCursor> make_nbd_changes(NbdConnection& connection, GuestRange range,
                                            std::uint64_t alignment);

}  // namespace qcow2stream
