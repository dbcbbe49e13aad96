// SPDX-License-Identifier: GPL-2.0-or-later
//
// qcow2 images of any bytes, as streams: what is restored is what the image's own reader reads, or
// nothing is; a target is not written beyond the disk; and what is sound is sound in both ways.
//
// An input is a byte that is of no use here, and an image (sparse_image.h).

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "input.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/restore.h"
#include "ram_target.h"
#include "sparse_image.h"
#include "system/fd.h"
#include "system/io.h"
#include "testing.h"

namespace qcow2stream::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kLargestDisk = 8 << 20;

RestoreOptions options() {
  return {.threads = 1, .spool_memory = 8 << 20, .max_size = kLargestDisk};
}

// What the stream is restored to, or nothing where it is refused.
std::optional<Bytes> restored(int fd) {
  testing::RamTarget target;
  try {
    Restore restore(target, options());
    restore.add({.fd = fd, .name = "image"});
    restore.finish();
  } catch (const Error&) {
    return {};
  }
  return target.content();
}

bool is_sound(int fd) {
  try {
    check_image({.fd = fd, .name = "image"}, options());
  } catch (const Error&) {
    return false;
  }
  return true;
}

// What the reader of files reads, or nothing.
std::optional<Bytes> as_read(Bytes image) {
  try {
    const auto disk = open_qcow2(std::make_shared<testing::MemoryDisk>(std::move(image))).disk;
    if (disk->size() > kLargestDisk) return {};
    Bytes bytes(disk->size());
    if (!bytes.empty()) disk->read(GuestOffset(0), bytes);
    return bytes;
  } catch (const Error&) {
    return {};
  }
}

void check(Input input) {
  input.byte();
  const Bytes image = image_of(input);
  const UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  require(write_full(fd.get(), image).bytes == image.size(), "a file in memory");
  ::lseek(fd.get(), 0, SEEK_SET);
  const auto content = restored(fd.get());
  ::lseek(fd.get(), 0, SEEK_SET);
  const bool sound = is_sound(fd.get());
  const auto expected = as_read(image);
  if (content && expected) require(content == expected, "what is restored is what is read");
  if (sound && expected) require(content.has_value(), "what is sound is restored");
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("restored-image", [&] {
    qcow2stream::fuzz::check(qcow2stream::fuzz::Input({data, size}));
  });
}
