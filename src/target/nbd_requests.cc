// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/nbd_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include "qcow2stream/error.h"
#include "target/target_errors.h"

namespace qcow2stream {
namespace {

// What is under way at most. Enough for several requests on each connection.
constexpr std::uint64_t kMostMemory = 8 << 20;
constexpr std::size_t kMostJobs = 64;

bool overlap(GuestRange a, GuestRange b) {
  return a.begin < b.end() && b.begin < a.end();
}

// Errors of a connection do not know what it is for.
template <class F>
void about_the_target(const F& f) {
  try {
    f();
  } catch (Error& error) {
    error.about(ErrorSubject::kTarget);
    throw;
  }
}

std::exception_ptr failure_of(const std::string& name, const NbdJob& job, int error) {
  try {
    if (job.command == NbdCommand::kRead) throw_target_read_error(name, job.range.begin, error);
    if (job.command == NbdCommand::kFlush) throw_target_error(name, "flush failed", error);
    throw_write_error(name, job.range.begin, error);
  } catch (const Error&) {
    return std::current_exception();
  }
}

}  // namespace

NbdRequests::NbdRequests(Connections connections, unsigned in_flight)
    : connections_(std::move(connections)), most_in_flight_(std::max(1U, in_flight)) {
  threads_.reserve(connections_.size());
  try {
    for (const auto& connection : connections_) {
      threads_.emplace_back([this, to = connection.get()] { serve(*to); });
    }
  } catch (...) {
    // The destructor will not run, and the threads that were started wait for requests.
    end();
    throw;
  }
}

NbdRequests::~NbdRequests() {
  end();
}

void NbdRequests::end() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  posted_.notify_all();
}

NbdRequests::Claim::Claim(NbdRequests& requests, GuestRange range)
    : requests_(&requests), range_(range) {
  std::unique_lock lock(requests.mutex_);
  requests.settled_.wait(lock, [&] { return requests.failure_ || !requests.is_claimed(range); });
  requests.check_failure();
  requests.claims_.push_back(range);
}

NbdRequests::Claim::~Claim() {
  if (requests_ == nullptr) return;
  const std::lock_guard lock(requests_->mutex_);
  requests_->end_claim(range_);
}

bool NbdRequests::is_claimed(GuestRange range) const {
  return std::ranges::any_of(claims_, [&](GuestRange other) { return overlap(other, range); });
}

void NbdRequests::end_claim(GuestRange range) {
  const auto found = std::ranges::find(claims_, range);
  assert(found != claims_.end());
  *found = claims_.back();
  claims_.pop_back();
  settled_.notify_all();
}

void NbdRequests::check_failure() const {
  if (failure_) std::rethrow_exception(failure_);
}

void NbdRequests::begin(Claim& claim, NbdJob job) {
  assert(claim.range_ == job.range);
  std::unique_lock lock(mutex_);
  const std::uint64_t memory = job.own.size();
  settled_.wait(lock, [&] {
    const bool has_room = memory_ == 0 || memory_ + memory <= kMostMemory;
    return failure_ || (has_room && unsettled_ < kMostJobs);
  });
  check_failure();
  queue_.push_back({.job = std::move(job)});
  claim.requests_ = nullptr;  // the job has it now
  memory_ += memory;
  ++unsettled_;
  posted_.notify_one();
}

int NbdRequests::run(std::vector<NbdJob> jobs) {
  Waiter waiter{.left = jobs.size()};
  std::unique_lock lock(mutex_);
  check_failure();
  Tasks tasks;
  for (NbdJob& job : jobs) tasks.push_back({.job = std::move(job), .waiter = &waiter});
  queue_.splice(queue_.end(), tasks);
  posted_.notify_all();
  // Whatever fails, all of them are settled some time: until then their buffers are in use.
  settled_.wait(lock, [&] { return waiter.left == 0; });
  if (waiter.error == 0) check_failure();
  return waiter.error;
}

void NbdRequests::wait() {
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [&] { return failure_ || unsettled_ == 0; });
  check_failure();
}

// One thread a connection.
void NbdRequests::serve(NbdConnection& connection) {
  Tasks in_flight;
  while (take(in_flight)) {
    try {
      const std::lock_guard lock(connection.mutex());
      about_the_target([&] { send_and_wait(connection, in_flight); });
    } catch (...) {
      connection.close();  // libnbd forgets the tasks
      fail(in_flight, std::current_exception());
    }
    settle(connection, in_flight);
  }
  if (says_goodbye_) disconnect(connection);
  connection.close();
}

// Takes what is to be sent, and waits for that if nothing is in flight. False at the end.
bool NbdRequests::take(Tasks& in_flight) {
  std::unique_lock lock(mutex_);
  if (in_flight.empty()) posted_.wait(lock, [&] { return stops_ || !queue_.empty(); });
  if (stops_) return false;
  // The others want something, too.
  std::size_t share = (queue_.size() + connections_.size() - 1) / connections_.size();
  while (share-- > 0 && !queue_.empty() && in_flight.size() < most_in_flight_) {
    in_flight.splice(in_flight.end(), queue_, queue_.begin());
  }
  return true;
}

// Sends what has not been sent, and returns when at least one task is done, or it is to stop.
void NbdRequests::send_and_wait(NbdConnection& connection, Tasks& in_flight) const {
  for (Task& task : in_flight) {
    if (!std::exchange(task.is_sent, true)) send(connection, task);
  }
  connection.run_until([&] {
    return stops_ || std::ranges::any_of(in_flight, [](const Task& task) { return task.is_done; });
  });
}

void NbdRequests::send(NbdConnection& connection, Task& task) {
  connection.check_not_lost();
  const NbdJob& job = task.job;
  nbd_handle* handle = connection.handle();
  const std::uint64_t offset = job.range.begin.value();
  const std::uint64_t length = job.range.length;
  const nbd_completion_callback done{.callback = &completed, .user_data = &task, .free = nullptr};
  std::int64_t cookie = -1;
  switch (job.command) {
    case NbdCommand::kRead: {
      const nbd_chunk_callback chunk{.callback = &arrived, .user_data = &task, .free = nullptr};
      // Without DF a server that fails in the middle of an answer has to hang up, and QEMU does.
      const std::uint32_t flags = nbd_can_df(handle) > 0 ? LIBNBD_CMD_FLAG_DF : 0;
      task.missing = length;
      cookie = nbd_aio_pread_structured(handle, job.buffer, length, offset, chunk, done, flags);
      break;
    }
    case NbdCommand::kWrite: {
      const std::byte* bytes = job.bytes != nullptr ? job.bytes : job.own.data();
      cookie = nbd_aio_pwrite(handle, bytes, length, offset, done, 0);
      break;
    }
    case NbdCommand::kZero:
      cookie = nbd_aio_zero(handle, length, offset, done, 0);
      break;
    case NbdCommand::kFlush:
      cookie = nbd_aio_flush(handle, done, 0);
      break;
  }
  if (cookie < 0) {
    connection.throw_last_error(fmt::format("a request for offset {} cannot be sent", offset));
  }
}

// NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
int NbdRequests::arrived(void* user_data, const void* /*bytes*/, std::size_t count,
                         std::uint64_t /*offset*/, unsigned /*status*/, int* /*error*/) {
  static_cast<Task*>(user_data)->missing -= count;
  return 0;
}

// NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
int NbdRequests::completed(void* user_data, int* error) {
  auto* task = static_cast<Task*>(user_data);
  task->error = *error;
  // libnbd takes an answer of too few bytes for a complete one.
  if (task->error == 0 && task->missing != 0) task->error = EPROTO;
  task->is_done = true;
  return may_forget_command(*error);
}

// Takes those out that are done.
void NbdRequests::settle(const NbdConnection& connection, Tasks& in_flight) {
  const std::lock_guard lock(mutex_);
  for (auto task = in_flight.begin(); task != in_flight.end();) {
    if (!task->is_done) {
      ++task;
      continue;
    }
    if (task->error != 0 && task->waiter != nullptr) {
      task->waiter->error = task->error;
    } else if (task->error != 0 && !failure_) {
      failure_ = failure_of(connection.name(), task->job, task->error);
    }
    forget(*task);
    task = in_flight.erase(task);
  }
}

// The connection is lost, and with it all that was in flight.
void NbdRequests::fail(Tasks& in_flight, const std::exception_ptr& failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = failure;
  for (Task& task : in_flight) forget(task);
  in_flight.clear();
}

void NbdRequests::forget(Task& task) {
  if (task.waiter != nullptr) {
    --task.waiter->left;
  } else {
    memory_ -= task.job.own.size();
    --unsettled_;
    end_claim(task.job.range);
  }
  settled_.notify_all();
}

void NbdRequests::disconnect(NbdConnection& connection) {
  try {
    const std::lock_guard lock(connection.mutex());
    nbd_handle* handle = connection.handle();
    if (nbd_aio_disconnect(handle, 0) != 0) return;
    connection.run_until([handle] { return nbd_aio_is_closed(handle) || nbd_aio_is_dead(handle); });
  } catch (const std::exception&) {  // all that was to be said has been flushed
  }
}

}  // namespace qcow2stream
