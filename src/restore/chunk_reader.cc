// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/chunk_reader.h"

#include <algorithm>
#include <utility>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// Chunks that are held at the same time: one that is being read, and enough for every worker.
constexpr unsigned kChunks = 16;

}  // namespace

ChunkReader::ChunkReader(const StreamedImage& image, std::uint64_t most_per_second,
                         Progress* progress)
    : read_(image.read), limit_(most_per_second), progress_(progress) {
  if (image.fd < 0 && image.file != nullptr) {
    file_.emplace(image.file);
  } else if (!read_) {
    stream_.emplace(image.fd, image.name);
  }
  for (const DigestAlgorithm algorithm : image.digests) {
    workers_.push_back({.algorithm = algorithm, .hasher = make_hasher(algorithm), .waiting = {}});
  }
  spare_.reserve(kChunks);  // so that giving one back cannot fail
  threads_.reserve(workers_.size());
  try {
    for (Worker& worker : workers_) threads_.emplace_back([this, &worker] { hash(worker); });
  } catch (...) {
    // The destructor will not run, and the threads that were started wait for chunks.
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    throw;
  }
}

ChunkReader::~ChunkReader() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

// The buffer comes back when nobody has it any more.
std::shared_ptr<std::vector<std::byte>> ChunkReader::take_buffer(std::size_t length) {
  std::vector<std::byte> buffer;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return error_ || lent_ < kChunks; });
    if (error_) std::rethrow_exception(error_);
    ++lent_;
    if (!spare_.empty()) {
      buffer = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  const auto give_back = [this](std::vector<std::byte>* returned) {
    const std::unique_ptr<std::vector<std::byte>> mine(returned);
    const std::lock_guard lock(mutex_);
    --lent_;
    spare_.push_back(std::move(*mine));
    changed_.notify_all();
  };
  std::shared_ptr<std::vector<std::byte>> shared(
      std::make_unique<std::vector<std::byte>>(std::move(buffer)).release(), give_back);
  if (shared->size() < length) shared->resize(length);
  return shared;
}

// What came in front of an error is handed out, and the error comes again with the next read.
std::size_t ChunkReader::read(std::span<std::byte> buffer) {
  if (read_) return read_(buffer);
  if (file_) return file_->read(buffer);
  const std::uint64_t begin = stream_->position();
  try {
    return stream_->read(buffer);
  } catch (const Error&) {
    if (stream_->position() == begin) throw;
    return stream_->position() - begin;
  }
}

SharedBytes ChunkReader::next(std::size_t length) {
  auto buffer = take_buffer(length);
  const std::size_t n = read(std::span(*buffer).first(length));
  limit_.take(n);
  position_ += n;
  if (progress_ != nullptr) progress_->spool_done = position_;
  SharedBytes chunk{buffer, std::span<const std::byte>(*buffer).first(n)};
  if (n > 0 && !workers_.empty()) {
    const std::lock_guard lock(mutex_);
    for (Worker& worker : workers_) worker.waiting.push_back(chunk);
    changed_.notify_all();
  }
  return chunk;
}

void ChunkReader::hash(Worker& worker) {
  try {
    for (;;) {
      std::vector<SharedBytes> chunks;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping_ || ended_ || !worker.waiting.empty(); });
        if (stopping_ || worker.waiting.empty()) return;
        chunks = std::exchange(worker.waiting, {});
      }
      for (SharedBytes& chunk : chunks) {
        worker.hasher->update(chunk.bytes);
        chunk = {};
      }
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    changed_.notify_all();
  }
}

std::vector<Digest> ChunkReader::finish_digests() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  threads_.clear();
  if (error_) std::rethrow_exception(error_);
  std::vector<Digest> digests;
  for (const Worker& worker : workers_) {
    digests.push_back({.algorithm = worker.algorithm, .value = worker.hasher->finish()});
  }
  return digests;
}

}  // namespace qcow2stream
