// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace qcow2stream::cli {

// Finds those who read a file from one place on without a gap, in the requests of all its readers,
// and says what each of them will read next. The requests of one reader may come in another order
// than he made them, for the kernel hands them to several threads. May be called by several threads
// at once.
class SequentialReaders {
 public:
  struct Range {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };

  // After a request for `length` bytes from `offset`: what its reader will want soon and was not
  // told before. Empty where he does not read on, or has enough.
  Range after(std::uint64_t offset, std::uint64_t length);

 private:
  struct Reader {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t read = 0;  // of what lies between
    std::uint64_t told = 0;  // all before it was told
    std::uint64_t turn = 0;  // of its last request
  };
  // More at once are taken for readers of here and there.
  static constexpr std::size_t kMost = 32;

  Reader& reader_of(std::uint64_t offset, std::uint64_t length);

  std::mutex mutex_;
  std::array<Reader, kMost> readers_;
  std::uint64_t turn_ = 0;
};

}  // namespace qcow2stream::cli
