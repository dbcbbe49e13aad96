// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "disk/nbd/connection.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

enum class NbdCommand { kRead, kWrite, kZero, kFlush };

// What the server is asked to do. The range is such as it takes in one request.
struct NbdJob {
  NbdCommand command = NbdCommand::kWrite;
  GuestRange range;                  // claimed, but for kFlush, which has none
  std::vector<std::byte> own;        // kWrite: the bytes, unless `bytes` says where they are
  const std::byte* bytes = nullptr;  // kWrite: must stay there until the job is done
  std::byte* buffer = nullptr;       // kRead
};

// Sends jobs to a server over one connection or several, each of which has a thread of its own, so
// that whoever makes the bytes does not wait for the server. Several threads may use it at once.
//
// Requests that are in flight at the same time have no order. So no two of them are for the same
// bytes: whoever wants something done with a range claims it first, and waits until nobody else has
// a claim on a byte of it.
//
// All functions throw Error{kFailed} about the target where the server is gone, or a job has failed
// that nobody waited for. Then all others fail as well.
class NbdRequests {
 public:
  using Connections = std::vector<std::unique_ptr<NbdConnection>>;

  // `in_flight` is how many requests a connection has at most.
  NbdRequests(Connections connections, unsigned in_flight);
  // Gives up what is not done.
  ~NbdRequests();
  NbdRequests(const NbdRequests&) = delete;
  NbdRequests& operator=(const NbdRequests&) = delete;

  // A claim on a range. It ends with the object, unless a job has taken it over.
  class Claim {
   public:
    Claim(NbdRequests& requests, GuestRange range);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    friend class NbdRequests;
    NbdRequests* requests_;
    GuestRange range_;
  };

  // Begins a job for the range of a claim, which ends when it is done. Waits only where too much is
  // under way.
  void begin(Claim& claim, NbdJob job);
  // Waits until these jobs are done; they lie within claims of the caller. Returns an error number,
  // 0 if all went well.
  int run(std::vector<NbdJob> jobs);
  // Waits until all jobs are done that have begun.
  void wait();

  // The connections end in good order. Only the destructor may be called afterwards.
  void say_goodbye() { says_goodbye_ = true; }

 private:
  struct Waiter {
    std::size_t left = 0;  // jobs that are not done
    int error = 0;
  };
  // A job, and what becomes of it. libnbd holds pointers to it while it is in flight.
  struct Task {
    NbdJob job;
    Waiter* waiter = nullptr;   // none: its claim ends with it
    std::uint64_t missing = 0;  // bytes that a read has not brought
    int error = 0;
    bool is_sent = false;
    bool is_done = false;
  };
  using Tasks = std::list<Task>;

  [[nodiscard]] bool is_claimed(GuestRange range) const;
  void end_claim(GuestRange range);
  void check_failure() const;

  void end();
  void serve(NbdConnection& connection);
  bool take(Tasks& in_flight);
  static void send(NbdConnection& connection, Task& task);
  void send_and_wait(NbdConnection& connection, Tasks& in_flight) const;
  void settle(const NbdConnection& connection, Tasks& in_flight);
  void fail(Tasks& in_flight, const std::exception_ptr& failure);
  void forget(Task& task);
  static void disconnect(NbdConnection& connection);

  static int arrived(void* user_data, const void* bytes, std::size_t count, std::uint64_t offset,
                     unsigned status, int* error);
  static int completed(void* user_data, int* error);

  Connections connections_;
  std::size_t most_in_flight_;

  std::mutex mutex_;  // of all that follows
  std::condition_variable posted_;
  std::condition_variable settled_;
  Tasks queue_;
  std::vector<GuestRange> claims_;
  std::size_t unsettled_ = 0;  // jobs that nobody waits for
  std::uint64_t memory_ = 0;   // bytes that these have
  std::exception_ptr failure_;
  std::atomic<bool> stops_ = false;
  std::atomic<bool> says_goodbye_ = false;

  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace qcow2stream
