// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/incomplete.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// Bytes of tables whose SHA-256 takes less than a second.
constexpr std::uint64_t kQuickTables = 128ULL << 20;

// What is written there can be found there.
bool keeps_what_is_written(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

// Bytes that stand in a pipe whose reader has left: nobody will take them. Nobody else's are in it.
std::uint64_t left_in_pipe(int fd) {
  struct stat status {};
  pollfd reader{.fd = fd, .events = 0, .revents = 0};
  int bytes = 0;
  const bool is_known = ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) &&
                        ::poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0 &&
                        ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
  return is_known ? static_cast<std::uint64_t>(bytes) : 0;
}

std::uint64_t table_bytes(const Image& image) {
  std::uint64_t bytes = 0;
  for (const NamedRegion& region : image.measure().regions) {
    if (!region.name.ends_with("clusters")) bytes += region.range.length;
  }
  return bytes;
}

std::string id_of(const Image& image) {
  try {
    return image.id();
  } catch (const std::exception&) {
    return "";  // without memory there is none
  }
}

}  // namespace

void OutputInProgress::begin(std::shared_ptr<const Image> image, HostRange range,
                             const WantedRange& wanted, bool comes_again,
                             Destination& destination) {
  const std::lock_guard lock(mutex_);
  is_under_way_ = true;
  image_ = std::move(image);
  range_ = range;
  wanted_ = wanted;
  comes_again_ = comes_again;
  destination_ = &destination;
}

void OutputInProgress::end() {
  const std::lock_guard lock(mutex_);
  is_under_way_ = false;
  image_.reset();
}

void OutputInProgress::stop() {
  const std::unique_lock lock(mutex_);
  if (is_under_way_) destination_->stop(keeps_what_is_written(destination_->descriptor()));
}

std::string OutputInProgress::note(bool discard, bool quickly) const {
  const std::uint64_t total = progress_.emit_total;
  const std::lock_guard lock(mutex_);
  if (total == 0 || destination_ == nullptr) return "";
  const std::uint64_t written = destination_->written();
  if (written == total) {
    return fmt::format("; all {} bytes were written, but do not rely on them", total);
  }
  const std::uint64_t done = written - std::min(written, left_in_pipe(destination_->descriptor()));
  const std::string from =
      wanted_.offset || wanted_.part ? fmt::format(" from offset {}", range_.begin.value()) : "";
  return fmt::format("; output is incomplete ({} of {} bytes{})", done, total, from) +
         (discard ? ", discard it" : way_to_go_on(done, quickly));
}

std::string OutputInProgress::way_to_go_on(std::uint64_t done, bool quickly) const {
  if (!image_ || !comes_again_) return "";
  const bool is_too_long = quickly && table_bytes(*image_) > kQuickTables;
  const std::string id = is_too_long ? "" : id_of(*image_);
  const std::string if_match = fmt::format("--if-match {}", id.empty() ? "ID (--measure=id)" : id);
  if (!keeps_what_is_written(destination_->descriptor())) {
    return fmt::format(
        "; ask the receiver how much of the image it has, and go on there: {} --offset BYTES",
        if_match);
  }
  const std::string length =
      wanted_.length || wanted_.part ? fmt::format(" --length {}", range_.length - done) : "";
  return fmt::format("; go on there: {} --offset {}{}", if_match, range_.begin.value() + done,
                     length);
}

}  // namespace qcow2stream::cli
