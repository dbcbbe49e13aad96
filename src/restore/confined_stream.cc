// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/confined_stream.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "disk/confined/program_file.h"
#include "disk/confined/told_error.h"
#include "system/cores.h"

namespace qcow2stream {
namespace {

using confined::Answer;
using confined::Ask;
using confined::ConfinedProcess;
using confined::kProtocol;
using confined::kSlotBytes;
using confined::Request;

ConfinedProcess::Setup setup_for(const StreamedImage& image, const RestoreOptions& options) {
  const unsigned threads = options.threads != 0 ? options.threads : cores();
  return {.program = confined::program_file("", image.name),
          .name = image.name,
          .subject = ErrorSubject::kImage,
          .work = confined::Work::kStream,
          .channels = 1 + std::min(threads, confined::kMostChannels - 1)};
}

}  // namespace

ConfinedStream::ConfinedStream(const StreamedImage& image, const RestoreOptions& options,
                               bool only_check)
    : image_(image),
      only_check_(only_check),
      chunks_(image, options.most_per_second, options.progress),
      process_(setup_for(image, options)) {
  const auto size = write_stream_to_take({.name = image.name,
                                          .size = image.size,
                                          .max_size = options.max_size,
                                          .spool_memory = options.spool_memory,
                                          .only_check = only_check,
                                          .ignore_root = options.expected.ignore_own},
                                         process_.slot(0));
  process_.send(0, Request{.ask = Ask::kTake, .length = size.value()});
  if (!only_check) serve_until(Ask::kHeader);
}

void ConfinedStream::answer(unsigned channel, std::uint64_t bytes) const {
  process_.send(channel, Answer{.bytes = bytes});
}

// Copied, so that they stay as they are.
std::vector<std::byte> ConfinedStream::words_of(const Request& request) const {
  if (request.length > kSlotBytes) process_.refuse_answer();
  const auto words = process_.slot(0).first(request.length);
  return {words.begin(), words.end()};
}

// Gives the stream away until the program says this.
void ConfinedStream::serve_until(Ask last) {
  for (;;) {
    const auto request = process_.receive<Request>(0);
    if (request.protocol != kProtocol) process_.refuse_answer();
    if (request.ask == Ask::kChunk) {
      answer(0, next_chunk(request.length));
      continue;
    }
    const auto words = words_of(request);
    if (request.ask == Ask::kFailed) {
      const auto error = confined::read_error(words, image_.name);
      if (!error) process_.refuse_answer();
      throw Error(*error);
    }
    if (request.ask == Ask::kHeader && !header_) {
      header_ = read_told_header(words);
      if (!header_) process_.refuse_answer();
    } else if (request.ask == Ask::kEnd && header_) {
      take_end(words);
    } else {
      process_.refuse_answer();
    }
    if (request.ask == last) return;
    answer(0, 0);
  }
}

// A full image says of each byte what it is.
void ConfinedStream::take_end(std::span<const std::byte> words) {
  const std::lock_guard lock(mutex_);
  end_ = read_end(words);
  const bool is_complete =
      only_check_ || header_->backing_file || told_.is_all_of(header_->disk_size);
  if (!end_ || !is_complete) process_.refuse_answer();
}

std::uint64_t ConfinedStream::next_chunk(std::uint64_t length) {
  const SharedBytes chunk =
      chunks_.next(std::clamp<std::uint64_t>(length, 1, confined::kSlotBytes));
  std::memcpy(process_.slot(0).data(), chunk.bytes.data(), chunk.bytes.size());
  return chunk.bytes.size();
}

void ConfinedStream::read(RestoredContent* content) {
  std::vector<std::jthread> threads;
  if (content != nullptr) {
    answer(0, 0);  // to the header
    for (unsigned i = 1; i < process_.channels(); ++i) {
      threads.emplace_back([this, i, content] { take_content(i, *content); });
    }
  }
  try {
    serve_until(Ask::kEnd);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
  // The program has told all, and the last request of each channel was answered before it said so.
  process_.give_up();
  threads.clear();
  if (error_) std::rethrow_exception(error_);
  if (content != nullptr) content->end_chunk();
}

// Ends with the process.
void ConfinedStream::take_content(unsigned channel, RestoredContent& content) {
  try {
    for (;;) {
      const auto request = process_.receive<Request>(channel);
      take(request, channel, content);
      answer(channel, 0);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_ && !end_) error_ = std::current_exception();
    process_.give_up();
  }
}

void ConfinedStream::take(const Request& request, unsigned channel, RestoredContent& content) {
  const std::uint64_t size = header_->disk_size;
  if (request.protocol != kProtocol || request.begin >= size || request.length == 0 ||
      request.length > size - request.begin) {
    process_.refuse_answer();
  }
  const GuestRange range{GuestOffset(request.begin), request.length};
  if (request.ask == Ask::kZeros) {
    const std::lock_guard lock(mutex_);
    told_.add(range);
    content.zeros(range);
    return;
  }
  if (request.ask != Ask::kData || request.length > kSlotBytes) process_.refuse_answer();
  const auto slot = process_.slot(channel).first(request.length);
  auto bytes = std::make_shared<const std::vector<std::byte>>(slot.begin(), slot.end());
  const std::span<const std::byte> all(*bytes);
  const std::lock_guard lock(mutex_);
  told_.add(range);
  content.data(range.begin, {std::move(bytes), all});
}

std::optional<ImageRoots> ConfinedStream::roots() const {
  auto roots = header_->roots;
  if (roots && end_) roots->own = end_->own_root;
  return roots;
}

BegunImage ConfinedStream::begun() const {
  return {.name = image_.name,
          .disk_size = header_->disk_size,
          .backing_file = header_->backing_file,
          .roots = roots()};
}

RestoredImage ConfinedStream::finish() {
  return {.disk_size = header_->disk_size,
          .stream_bytes = chunks_.position(),
          .digests = chunks_.finish_digests(),
          .backing_file = header_->backing_file,
          .roots = roots(),
          .spooled = end_->spooled,
          .remarks = end_->remarks};
}

CheckedImage ConfinedStream::finish_check() {
  return {.disk_size = header_->disk_size,
          .stream_bytes = chunks_.position(),
          .digests = chunks_.finish_digests(),
          .backing_file = header_->backing_file,
          .data_clusters = end_->data_clusters,
          .compressed_clusters = end_->compressed_clusters,
          .leaked_clusters = end_->leaked_clusters,
          .remarks = end_->remarks};
}

}  // namespace qcow2stream
