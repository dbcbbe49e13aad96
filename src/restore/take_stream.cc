// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/take_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "disk/confined/protocol.h"
#include "disk/confined/told_error.h"
#include "qcow2/header.h"
#include "restore/content_writer.h"
#include "restore/image_stream.h"
#include "restore/told_stream.h"
#include "restore/worker_pool.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

using confined::Answer;
using confined::Ask;
using confined::kSlotBytes;
using confined::Request;
using confined::Say;
using confined::ServedChannel;

// Who asks us for something sensible is trusted; if it goes away, there is nothing left to do.
std::uint64_t ask(const ServedChannel& channel, Ask what, std::uint64_t begin,
                  std::uint64_t length) {
  const Request request{.ask = what, .begin = begin, .length = length};
  const int socket = channel.socket.get();
  Answer answer;
  const bool is_answered =
      uninterrupted([&] { return ::send(socket, &request, sizeof request, MSG_NOSIGNAL); }) ==
          sizeof request &&
      uninterrupted([&] { return ::recv(socket, &answer, sizeof answer, 0); }) == sizeof answer;
  if (!is_answered || answer.say != Say::kDone) ::_exit(0);
  return answer.bytes;
}

// The target is with the other side, which is told what belongs there.
class TargetElsewhere final : public Target {
 public:
  explicit TargetElsewhere(std::span<const ServedChannel> channels) {
    for (const ServedChannel& channel : channels) free_.push_back(&channel);
  }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] TargetTraits traits() const override { return {}; }
  void set_size(std::uint64_t /*size*/) override {}
  void write(GuestOffset offset, std::span<const std::byte> bytes) override {
    const ServedChannel& channel = take();
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(bytes.size(), kSlotBytes));
      std::memcpy(channel.slot.data(), piece.data(), piece.size());
      ask(channel, Ask::kData, offset.value(), piece.size());
      bytes = bytes.subspan(piece.size());
      offset += piece.size();
    }
    give_back(channel);
  }
  void zero(GuestRange range) override {
    const ServedChannel& channel = take();
    ask(channel, Ask::kZeros, range.begin.value(), range.length);
    give_back(channel);
  }
  void read(GuestOffset /*offset*/, std::span<std::byte> /*buffer*/) override {}
  void flush() override {}
  void finish() override {}

 private:
  const ServedChannel& take() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return !free_.empty(); });
    const ServedChannel* channel = free_.back();
    free_.pop_back();
    return *channel;
  }
  void give_back(const ServedChannel& channel) {
    const std::lock_guard lock(mutex_);
    free_.push_back(&channel);
    freed_.notify_one();
  }

  std::string name_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<const ServedChannel*> free_;
};

RestoreOptions options_of(const StreamToTake& what, std::size_t threads) {
  RestoreOptions options;
  options.apply = true;  // whether it may be an increment is not for us to say
  options.sparse = false;
  options.threads = static_cast<unsigned>(threads);
  options.spool_memory = what.spool_memory;
  options.max_size = what.max_size;
  options.expected.ignore_own = what.ignore_root;
  return options;
}

ToldEnd restore(const StreamedImage& image, const RestoreOptions& options,
                std::span<const ServedChannel> channels) {
  const ServedChannel& first = channels.front();
  ImageStream stream(image, options);
  const qcow2::Header& header = stream.header();
  const auto size = write_header({.disk_size = header.virtual_size,
                                  .backing_file = header.backing_file_name,
                                  .roots = stream.own_root().roots()},
                                 first.slot);
  ask(first, Ask::kHeader, 0, size.value());
  TargetElsewhere target(channels.subspan(1));
  RestoredBytes bytes;
  WorkerPool workers(options.threads);
  ContentWriter writer(&target, options,
                       {.name = image.name,
                        .cluster_size = header.geometry.cluster_size(),
                        .compression = stream.compression_type()},
                       workers, bytes);
  stream.read(writer, nullptr);
  writer.finish();
  RestoredImage end = stream.finish();
  return {.spooled = end.spooled,
          .remarks = std::move(end.remarks),
          .own_root = end.roots ? end.roots->own : std::nullopt};
}

ToldEnd check(const StreamedImage& image, const RestoreOptions& options,
              const ServedChannel& first) {
  CheckedImage end = check_image(image, options);
  const auto size = write_header(
      {.disk_size = end.disk_size, .backing_file = std::move(end.backing_file)}, first.slot);
  ask(first, Ask::kHeader, 0, size.value());
  return {.data_clusters = end.data_clusters,
          .compressed_clusters = end.compressed_clusters,
          .leaked_clusters = end.leaked_clusters,
          .remarks = std::move(end.remarks)};
}

void fail(const ServedChannel& first, const Error& error) {
  ask(first, Ask::kFailed, 0, confined::write_error(error, first.slot));
}

}  // namespace

void take_stream(std::span<const ServedChannel> channels) {
  const ServedChannel& first = channels.front();
  Request request;
  const ssize_t n = uninterrupted(
      [&] { return ::recv(first.socket.get(), &request, sizeof request, MSG_TRUNC); });
  if (n != sizeof request || request.ask != Ask::kTake || request.length > kSlotBytes) return;
  const auto what = read_stream_to_take(first.slot.first(request.length));
  if (!what || channels.size() < 2) return;
  const StreamedImage image{
      .read =
          [&](std::span<std::byte> buffer) {
            const auto piece = buffer.first(std::min(buffer.size(), kSlotBytes));
            const std::uint64_t came = ask(first, Ask::kChunk, 0, piece.size());
            if (came > piece.size()) ::_exit(1);
            std::memcpy(piece.data(), first.slot.data(), came);
            return static_cast<std::size_t>(came);
          },
      .name = what->name,
      .size = what->size,
      .digests = {}};
  const RestoreOptions options = options_of(*what, channels.size() - 1);
  try {
    const ToldEnd end =
        what->only_check ? check(image, options, first) : restore(image, options, channels);
    const auto size = write_end(end, first.slot);
    ask(first, Ask::kEnd, 0, size.value());
  } catch (const Error& error) {
    fail(first, error);
  } catch (const std::bad_alloc&) {
    fail(first, Error(ErrorKind::kFailed, what->name, "cannot be read", "out of memory")
                    .about(ErrorSubject::kImage));
  } catch (const std::system_error&) {
    fail(first, Error(ErrorKind::kFailed, what->name, "cannot be read", "no more threads")
                    .about(ErrorSubject::kImage));
  }
}

}  // namespace qcow2stream
