// SPDX-License-Identifier: GPL-2.0-or-later
//
// A cache that several threads share: each value is made once, by whoever asks for it first, and
// whoever else asks meanwhile waits for that one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace qcow2stream {

// All functions may be called by several threads at once.
template <class Value>
class SharedCache {
 public:
  // Keeps the `capacity` values that were used last, at least one.
  explicit SharedCache(std::size_t capacity) : capacity_(capacity > 0 ? capacity : 1) {}

  // Returns the value of `key`, which make() gives if it is not there. What make() throws is thrown
  // to all who wait for it, and nothing is kept then.
  template <class Make>
  std::shared_ptr<const Value> get(std::uint64_t key, const Make& make) {
    std::promise<Pointer> promise;
    std::shared_future<Pointer> future;
    {
      const std::lock_guard lock(mutex_);
      const auto found = entries_.find(key);
      if (found != entries_.end()) {
        order_.splice(order_.begin(), order_, found->second.place);
        future = found->second.value;
      } else {
        order_.push_front(key);
        entries_.emplace(key, Entry{promise.get_future().share(), order_.begin()});
        drop_oldest();
      }
    }
    if (future.valid()) return future.get();
    try {
      auto value = std::make_shared<const Value>(make());
      promise.set_value(value);
      return value;
    } catch (...) {
      promise.set_exception(std::current_exception());
      forget(key);
      throw;
    }
  }

 private:
  using Pointer = std::shared_ptr<const Value>;
  struct Entry {
    std::shared_future<Pointer> value;
    std::list<std::uint64_t>::iterator place;
  };

  void drop_oldest() {
    if (entries_.size() <= capacity_) return;
    entries_.erase(order_.back());
    order_.pop_back();
  }

  void forget(std::uint64_t key) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    order_.erase(found->second.place);
    entries_.erase(found);
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::list<std::uint64_t> order_;  // keys, the one that was used last in front
};

}  // namespace qcow2stream
