// SPDX-License-Identifier: GPL-2.0-or-later
//
// A stream becomes a disk by way of a file: the survey has to look at all of it before the first
// byte of the image is known, and the emission then reads it again.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "disk/file/file_disk.h"
#include "disk/stream/stream_reader.h"
#include "qcow2stream/stream.h"
#include "spool/spool_file.h"

namespace qcow2stream {
namespace {

// What is read and written at once. 256 KiB fit into a core's second level cache, so that the zero
// test and the write find there what the read has left.
constexpr std::size_t kBufferSize = 256 << 10;

void spool(StreamReader& reader, SpoolFile& file, const StreamOptions& options) {
  std::vector<std::byte> buffer(kBufferSize);
  for (;;) {
    const std::uint64_t begin = reader.position();
    const std::size_t want = options.size
                                 ? std::min<std::uint64_t>(*options.size - begin, buffer.size())
                                 : buffer.size();
    if (want == 0) break;
    const auto bytes = std::span(buffer).first(reader.read(std::span(buffer).first(want)));
    file.write(begin, bytes);
    if (options.progress != nullptr) options.progress->spool_done = reader.position();
    if (bytes.size() < want) break;
  }
  if (options.size && reader.position() < *options.size) reader.throw_too_short(*options.size);
  if (options.size) reader.expect_end();
}

}  // namespace

std::shared_ptr<const Disk> open_stream(int fd, const std::string& name,
                                        const StreamOptions& options) {
  StreamReader reader(fd, name);
  SpoolFile file(options.spool_directory);
  // A file that cannot become so large is known at once, and not after hours.
  if (options.size) file.resize(*options.size);
  if (options.progress != nullptr) options.progress->spool_total = options.size.value_or(0);
  spool(reader, file, options);
  file.resize(reader.position());
  return std::make_shared<const FileDisk>(std::move(file).release(), name,
                                          FileDisk::Sharing::kNobody);
}

}  // namespace qcow2stream
