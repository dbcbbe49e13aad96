// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/zeroing.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

#include "base/bits.h"
#include "system/io.h"
#include "system/tell.h"
#include "target/target_errors.h"

namespace qcow2stream {
namespace {

// One call makes at most so many bytes zeros, since the process cannot be ended before it returns.
constexpr std::uint64_t kMostPerCall = 1ULL << 30;

int call(int fd, ZeroMethod method, GuestRange piece) {
  const std::uint64_t begin = piece.begin.value();
  switch (method) {
    case ZeroMethod::kPunchHole:
      return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                         static_cast<off_t>(piece.length));
    case ZeroMethod::kZeroOut: {
      std::array<std::uint64_t, 2> range = {begin, piece.length};
      return ::ioctl(fd, BLKZEROOUT, range.data());
    }
  }
  return 0;
}

const char* name_of(ZeroMethod method) {
  return method == ZeroMethod::kPunchHole ? "fallocate(PUNCH_HOLE)" : "BLKZEROOUT";
}

// Errors that say "not with this target", as opposed to "it went wrong".
bool is_refusal(int error) {
  switch (error) {
    case EOPNOTSUPP:
    case ENOSYS:
    case EINVAL:
    case EPERM:
    case EACCES:
    case ENODEV:
    case ENOTTY:
    case EREMOTEIO:  // a disk that has announced the command and does not know it
      return true;
    default:
      return false;
  }
}

}  // namespace

Zeroing::Zeroing(const TargetDescriptor& target, std::span<const ZeroMethod> methods,
                 std::uint64_t alignment)
    : target_(target), methods_(methods), alignment_(alignment) {}

void Zeroing::zero(GuestRange range) {
  assert(range.length != 0);
  const std::uint64_t begin = align_up(range.begin.value(), alignment_);
  const std::uint64_t end = align_down(range.end().value(), alignment_);
  if (begin >= end) {
    target_.write_zeros(range);
    return;
  }
  const GuestRange head = range.first(begin - range.begin.value());
  const GuestRange tail = {GuestOffset(end), range.end().value() - end};
  if (head.length != 0) target_.write_zeros(head);
  zero_aligned({GuestOffset(begin), end - begin});
  if (tail.length != 0) target_.write_zeros(tail);
}

void Zeroing::zero_aligned(GuestRange range) {
  while (range.length != 0) {
    if (refused_ == methods_.size()) {
      target_.write_zeros(range);
      return;
    }
    if (zero_piece(range.first(kMostPerCall))) range.take_front(kMostPerCall);
  }
}

// Whether it was done. If not, the method was refused, and the next one is to be tried.
bool Zeroing::zero_piece(GuestRange piece) {
  std::size_t n = refused_;
  if (n == methods_.size()) return false;
  const ZeroMethod method = methods_[n];
  if (uninterrupted([&] { return call(target_.get(), method, piece); }) == 0) return true;
  const int error = errno;
  if (!is_refusal(error)) throw_write_error(target_.name(), piece.begin, error);
  // Of several threads to which it is refused, one goes on to the next method for all.
  if (refused_.compare_exchange_strong(n, n + 1)) {
    tell(target_.name(), name_of(method), error,
         n + 1 == methods_.size() ? "zeros are written" : name_of(methods_[n + 1]));
  }
  return false;
}

}  // namespace qcow2stream
