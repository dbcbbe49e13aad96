// SPDX-License-Identifier: GPL-2.0-or-later
//
// Files of saved plans. An input that begins with an even byte is a header up to the first newline
// and a map behind it, which get the frame and the checksum of a plan; if that byte is 2, what was
// left out comes before the map, after its length in two bytes. Any other is a whole file. What is
// read as a plan gives an image whose beginning and end can be made, or an Error.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/endian.h"
#include "digest/hasher.h"
#include "input.h"
#include "qcow2stream/qcow2stream.h"
#include "system/fd.h"
#include "testing.h"

namespace qcow2stream::fuzz {
namespace {

constexpr std::uint64_t kPiece = 64 << 10;

std::string with_length(std::string_view text) {
  std::string out(8, '\0');
  store_big<std::uint64_t>(reinterpret_cast<std::byte*>(out.data()), text.size());
  return out.append(text);
}

// What comes after its length in two bytes, or what there is of it.
std::string_view take_piece(std::string_view& input) {
  constexpr std::size_t kLength = 2;
  if (input.size() < kLength) return "";
  const auto length = load_big<std::uint16_t>(reinterpret_cast<const std::byte*>(input.data()));
  input.remove_prefix(kLength);
  const std::string_view piece = input.substr(0, length);
  input.remove_prefix(piece.size());
  return piece;
}

std::string file_of(std::string_view input) {
  if (input.empty() || input.front() % 2 != 0) return std::string(input.substr(!input.empty()));
  const bool leaves_out = input.front() == 2;
  input.remove_prefix(1);
  const std::size_t end = std::min(input.find('\n'), input.size());
  std::string file = leaves_out ? "qcow2-to-stdout plan 3\n" : "qcow2-to-stdout plan 1\n";
  file += with_length(input.substr(0, end));
  input.remove_prefix(std::min(end + 1, input.size()));
  if (leaves_out) {
    const std::string_view left_out = take_piece(input);
    file += with_length(input) + with_length("") + with_length(left_out);
  } else {
    file += with_length(input);
  }
  const auto hash = make_hasher(DigestAlgorithm::kSha256);
  hash->update(std::as_bytes(std::span(file)));
  const auto digest = hash->finish();
  return file.append(reinterpret_cast<const char*>(digest.data()), digest.size());
}

void check_image(const SavedPlan& plan) {
  const auto disk = std::make_shared<testing::ZeroDisk>(plan.disk_size);
  const Image image(disk, plan.options, plan.survey);
  const Measurement measured = image.measure();
  require(measured.required == image.size(), "the size");
  std::vector<std::byte> piece(std::min(kPiece, image.size()));
  image.read(HostOffset(0), piece);
  image.read(HostOffset(image.size() - piece.size()), piece);
  if (plan.survey.left_out == nullptr) return;
  const auto runs = image.left_out_runs();
  GuestOffset at;
  while (const auto run = runs->next()) {
    require(run->range.begin == at && run->range.length > 0, "runs follow each other");
    at += run->range.length;
  }
  require(at.value() == plan.disk_size, "runs are all of the disk");
  image.check_left_out();
}

void check(std::string_view input) {
  const std::string file = file_of(input);
  const UniqueFd fd(::memfd_create("plan", MFD_CLOEXEC));
  require(fd && ::write(fd.get(), file.data(), file.size()) >= 0, "a file in memory");
  try {
    check_image(load_plan("/proc/self/fd/" + std::to_string(fd.get())));
  } catch (const Error&) {
    // as it should be, for what is no plan or none that has an image
  }
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("saved-plan", [&] {
    qcow2stream::fuzz::check({reinterpret_cast<const char*>(data), size});
  });
}
