// SPDX-License-Identifier: GPL-2.0-or-later

#include "c_api/disk.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "c_api/error.h"
#include "c_api/opening.h"
#include "c_api/options.h"
#include "c_api/own_disk.h"

namespace qcow2stream::c_api {
namespace {

// Hands what `open` returns to the caller.
template <class Open>
qcow2stream_disk* opened(qcow2stream_error** error, const Open& open) {
  return guarded<qcow2stream_disk*>(error, nullptr, [&] { return new qcow2stream_disk(open()); });
}

std::vector<std::string> words_of(const char* const* command) {
  std::vector<std::string> words;
  for (const char* const* word = &given(command, "command"); *word != nullptr; ++word) {
    words.emplace_back(*word);
  }
  return words;
}

}  // namespace
}  // namespace qcow2stream::c_api

using namespace qcow2stream::c_api;  // NOLINT(google-build-using-namespace)

qcow2stream_disk* qcow2stream_disk_open(const char* path, const qcow2stream_options* options,
                                        qcow2stream_error** error) {
  return opened(error, [&] { return open_path(given_text(path, "path"), settings_of(options)); });
}

qcow2stream_disk* qcow2stream_disk_open_nbd(const char* uri, const qcow2stream_options* options,
                                            qcow2stream_error** error) {
  return opened(error, [&] { return open_server(given_text(uri, "uri"), settings_of(options)); });
}

qcow2stream_disk* qcow2stream_disk_open_program(const char* const* command,
                                                const qcow2stream_options* options,
                                                qcow2stream_error** error) {
  return opened(error, [&] { return open_program(words_of(command), settings_of(options)); });
}

qcow2stream_disk* qcow2stream_disk_open_node(const char* blockdev,
                                             const qcow2stream_options* options,
                                             qcow2stream_error** error) {
  return opened(error,
                [&] { return open_node(given_text(blockdev, "blockdev"), settings_of(options)); });
}

qcow2stream_disk* qcow2stream_disk_open_descriptor(int fd, const char* name,
                                                   const qcow2stream_options* options,
                                                   qcow2stream_error** error) {
  return opened(
      error, [&] { return open_descriptor(fd, given_text(name, "name"), settings_of(options)); });
}

qcow2stream_disk* qcow2stream_disk_open_own(const qcow2stream_disk_functions* functions,
                                            void* context, const char* name, uint64_t size,
                                            qcow2stream_error** error) {
  return guarded<qcow2stream_disk*>(error, nullptr, [&] {
    // What may fail comes before the disk, which closes when it goes.
    auto handle = std::make_unique<qcow2stream_disk>();
    handle->disk =
        open_own_disk(given(functions, "functions"), context, given_text(name, "name"), size);
    return handle.release();
  });
}

uint64_t qcow2stream_disk_size(const qcow2stream_disk* disk) {
  return disk == nullptr ? 0 : disk->disk->size();
}

const char* qcow2stream_disk_name(const qcow2stream_disk* disk) {
  return disk == nullptr ? "" : disk->disk->name().c_str();
}

const char* qcow2stream_disk_caveat(const qcow2stream_disk* disk, size_t index) {
  return disk == nullptr || index >= disk->caveats.size() ? nullptr : disk->caveats[index].c_str();
}

int64_t qcow2stream_disk_read(const qcow2stream_disk* disk, uint64_t offset, void* buffer,
                              size_t length, qcow2stream_error** error) {
  return guarded(error, std::int64_t{-1}, [&] {
    const qcow2stream::Disk& from = *given(disk, "disk").disk;
    const std::uint64_t rest = from.size() - std::min(offset, from.size());
    const std::size_t bytes = std::min<std::uint64_t>(length, rest);
    if (bytes == 0) return std::int64_t{0};
    auto* into = static_cast<std::byte*>(buffer);
    from.read(qcow2stream::GuestOffset(offset), {&given(into, "buffer"), bytes});
    return static_cast<std::int64_t>(bytes);
  });
}

void qcow2stream_disk_free(qcow2stream_disk* disk) {
  delete disk;
}
