// SPDX-License-Identifier: GPL-2.0-or-later
//
// Wherever memory is short within a function of c.h, that is an error of it, and no end of the
// process. Each call is made again and again: the first time its first allocation fails, then its
// second, until none fails any more. Allocations count in the thread that calls.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "qcow2stream/c.h"

namespace {

thread_local std::int64_t allocations_left = -1;  // negative: any number

void* allocate(std::size_t size) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left > 0) --allocations_left;
  void* result = std::malloc(size == 0 ? 1 : size);
  if (result == nullptr) throw std::bad_alloc();
  return result;
}

}  // namespace

// NOLINTBEGIN(misc-new-delete-overloads,cppcoreguidelines-no-malloc)
void* operator new(std::size_t size) {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
// NOLINTEND(misc-new-delete-overloads,cppcoreguidelines-no-malloc)

namespace {

int failures = 0;
std::int64_t most_allocations = 0;

// `call` gets where to put its error, and returns whether it succeeded.
template <class Call>
void try_with_little_memory(const char* what, const Call& call) {
  constexpr std::int64_t kMost = 100'000;
  for (std::int64_t allowed = 0; allowed < kMost; ++allowed) {
    qcow2stream_error* error = nullptr;
    allocations_left = allowed;
    const bool succeeded = call(&error);
    allocations_left = -1;
    if (succeeded) {
      most_allocations = allowed > most_allocations ? allowed : most_allocations;
      return;
    }
    // Some failures of memory have a way around them, which then fails of something else.
    if (error == nullptr) {
      std::fprintf(stderr, "FAIL: %s: no error after %lld allocations\n", what,
                   static_cast<long long>(allowed));
      ++failures;
    }
    qcow2stream_error_free(error);
  }
  std::fprintf(stderr, "FAIL: %s: never succeeds\n", what);
  ++failures;
}

int read_zeros(void* /*context*/, std::uint64_t /*offset*/, void* buffer, std::size_t length) {
  auto* bytes = static_cast<unsigned char*>(buffer);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<unsigned char>(i >> 3);
  return 0;
}

// In a file without a name.
int temporary_file(std::uint64_t size) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr || ::ftruncate(::fileno(file), static_cast<off_t>(size)) != 0) std::abort();
  return ::fileno(file);
}

}  // namespace

int main() {
  constexpr std::uint64_t kSize = 3'000'000;
  const int file = temporary_file(kSize);
  if (::pwrite(file, "data", 4, 100'000) != 4) return 1;
  qcow2stream_options* options = nullptr;
  qcow2stream_disk* disk = nullptr;
  qcow2stream_disk* own = nullptr;
  qcow2stream_image* image = nullptr;
  qcow2stream_restore* restore = nullptr;
  qcow2stream_disk_functions functions{};
  functions.struct_size = sizeof functions;
  functions.read = read_zeros;

  try_with_little_memory("options", [&](qcow2stream_error** error) {
    if (options == nullptr) options = qcow2stream_options_new(error);
    return options != nullptr &&
           qcow2stream_options_set(options, "spool-dir",
                                   "/var/tmp/../tmp/../tmp/../tmp/../tmp/../tmp", error) == 0;
  });
  try_with_little_memory("a wrong option", [&](qcow2stream_error** error) {
    qcow2stream_options_set(options, "a name that takes memory of its own", "", error);
    const bool is_right =
        *error != nullptr && qcow2stream_error_get_kind(*error) == QCOW2STREAM_ERROR_USAGE;
    if (is_right) qcow2stream_error_free(*error);
    return is_right;
  });
  try_with_little_memory("own disk", [&](qcow2stream_error** error) {
    own = qcow2stream_disk_open_own(&functions, nullptr, "a disk of the program's own, with a name",
                                    kSize, error);
    return own != nullptr;
  });
  try_with_little_memory("file", [&](qcow2stream_error** error) {
    disk = qcow2stream_disk_open_descriptor(file, "a file with a name that takes memory", nullptr,
                                            error);
    return disk != nullptr;
  });
  for (const qcow2stream_disk* of : {disk, own}) {
    try_with_little_memory("survey", [&](qcow2stream_error** error) {
      qcow2stream_image_free(image);
      image = qcow2stream_survey(of, nullptr, nullptr, nullptr, nullptr, error);
      return image != nullptr;
    });
    try_with_little_memory("id", [&](qcow2stream_error** error) {
      return qcow2stream_image_id(image, error) != nullptr;
    });
    std::vector<char> bytes(qcow2stream_image_size(image));
    try_with_little_memory("read", [&](qcow2stream_error** error) {
      return qcow2stream_image_read(image, 0, bytes.data(), bytes.size(), error) ==
             static_cast<std::int64_t>(bytes.size());
    });
    const int out = temporary_file(0);
    try_with_little_memory("emit", [&](qcow2stream_error** error) {
      if (::lseek(out, 0, SEEK_SET) != 0) return false;
      return qcow2stream_emit(image, 0, UINT64_MAX, out, nullptr, nullptr, error) == 0;
    });
    const int sink = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    try_with_little_memory("restore", [&](qcow2stream_error** error) {
      qcow2stream_restore_free(restore);
      restore = nullptr;
      if (::lseek(out, 0, SEEK_SET) != 0) return false;
      qcow2stream_target* target =
          qcow2stream_target_open_descriptor(sink, "nowhere, for example", nullptr, error);
      if (target == nullptr) return false;
      restore = qcow2stream_restore_new(target, nullptr, error);
      if (restore == nullptr) return false;
      return qcow2stream_restore_add_stream(restore, out, "the image", true, nullptr, nullptr,
                                            error) == 0 &&
             qcow2stream_restore_finish(restore, error) == 0;
    });
    ::close(sink);
    ::close(out);
  }
  qcow2stream_restore_free(restore);
  qcow2stream_image_free(image);
  qcow2stream_disk_free(own);
  qcow2stream_disk_free(disk);
  qcow2stream_options_free(options);
  std::printf("up to %lld allocations in a call\n", static_cast<long long>(most_allocations));
  return failures == 0 ? 0 : 1;
}
