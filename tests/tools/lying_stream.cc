// SPDX-License-Identifier: GPL-2.0-or-later
//
// Stands in for the confined program that takes a stream apart, and lies: how is the end of the
// name that it is called by.
//   lying-stream.LIE
// Without a lie that it knows, it takes all of the stream and tells of a disk of 1 MiB whose first
// half is of bytes 'x' and whose second half reads as zeros.

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "disk/confined/protocol.h"
#include "restore/told_stream.h"
#include "tools/taken_over.h"

namespace {

using namespace qcow2stream;
using namespace qcow2stream::confined;

constexpr std::uint64_t kDisk = 1U << 20;
constexpr std::uint64_t kHalf = kDisk / 2;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

class Liar {
 public:
  Liar(const TakenOver& given, std::string lie) : given_(given), lie_(std::move(lie)) {}

  void tell() {
    if (!take(Ask::kTake)) return;
    if (lie_ == "no-header") return tell_end();
    tell_header();
    if (lie_ == "two-headers") tell_header();
    take_stream();
    if (lie_ == "dies") ::raise(SIGKILL);
    const auto found = kContent.find(lie_);
    for (const Request& request : found != kContent.end() ? found->second : kTruth) {
      std::memset(given_.slot(1).data(), 'x', kHalf);
      ask(1, request);
    }
    tell_end();
  }

 private:
  static const std::vector<Request> kTruth;
  static const std::map<std::string, std::vector<Request>> kContent;

  [[nodiscard]] bool take(Ask what) const {
    Request request;
    return ::recv(given_.socket(0), &request, sizeof request, 0) == sizeof request &&
           request.ask == what;
  }

  std::uint64_t ask(unsigned channel, const Request& request) const {
    say(given_.socket(channel), request);
    Answer answer;
    const bool came = ::recv(given_.socket(channel), &answer, sizeof answer, 0) == sizeof answer;
    if (!came) ::_exit(0);
    return answer.bytes;
  }

  void tell_header() const {
    ToldHeader header{.disk_size = kDisk, .backing_file = {}};
    if (lie_ == "huge-disk") header.disk_size = kMost;
    if (lie_ == "half-a-sector") header.disk_size = kDisk + 1;
    if (lie_ == "control-characters") header.backing_file = "one\n\x1b[2Jtwo";
    std::uint64_t length = write_header(header, given_.slot(0)).value();
    if (lie_ == "header-longer-than-the-slot") length = kSlotBytes + 1;
    if (lie_ == "header-cut-off") length -= 1;
    if (lie_ == "header-and-more") length += 8;
    ask(0, {.ask = Ask::kHeader, .length = length});
  }

  void take_stream() const {
    if (lie_ == "takes-nothing") return;
    const std::uint64_t wanted = lie_ == "takes-too-much" ? kMost : 4096;
    while (ask(0, {.ask = Ask::kChunk, .length = wanted}) != 0) continue;
  }

  void tell_end() const {
    ToldEnd end;
    if (lie_ == "many-remarks") end.remarks.resize(1000);
    if (lie_ == "remark-with-control-characters") end.remarks.emplace_back("one\n\x1b[2Jtwo");
    std::uint64_t length = write_end(end, given_.slot(0)).value();
    if (lie_ == "end-longer-than-the-slot") length = kMost;
    if (lie_ == "end-cut-off") length -= 1;
    if (lie_ == "senseless-error") ask(0, {.ask = Ask::kFailed, .length = 1000});
    if (lie_ == "unknown-question") ask(0, {.ask = static_cast<Ask>(99)});
    ask(0, {.ask = Ask::kEnd, .length = length});
  }

  const TakenOver& given_;
  const std::string lie_;
};

const std::vector<Request> Liar::kTruth = {{.ask = Ask::kData, .begin = 0, .length = kHalf},
                                           {.ask = Ask::kZeros, .begin = kHalf, .length = kHalf}};

const std::map<std::string, std::vector<Request>> Liar::kContent = {
    {"behind-the-end", {{.ask = Ask::kData, .begin = kDisk, .length = 512}}},
    {"beyond-the-end", {{.ask = Ask::kData, .begin = kDisk - 512, .length = 1024}}},
    {"wraps", {{.ask = Ask::kZeros, .begin = 512, .length = kMost}}},
    {"far-behind-the-end", {{.ask = Ask::kZeros, .begin = kMost - 511, .length = 512}}},
    {"empty", {{.ask = Ask::kZeros, .begin = 0, .length = 0}}},
    {"more-than-the-slot", {{.ask = Ask::kData, .begin = 0, .length = kSlotBytes + 512}}},
    {"other-question", {{.ask = Ask::kRead, .begin = 0, .length = 512}}},
    {"other-protocol", {{.protocol = 1, .ask = Ask::kZeros, .begin = 0, .length = kDisk}}},
    {"only-half", {{.ask = Ask::kData, .begin = 0, .length = kHalf}}},
    {"nothing", {}},
    {"one-half-twice",
     {{.ask = Ask::kData, .begin = 0, .length = kHalf},
      {.ask = Ask::kZeros, .begin = 0, .length = kHalf}}},
    {"overlapping-parts-and-a-gap",
     {{.ask = Ask::kData, .begin = 0, .length = kHalf},
      {.ask = Ask::kZeros, .begin = kHalf / 2, .length = kHalf}}},
    {"all-and-a-part-again",
     {{.ask = Ask::kData, .begin = 0, .length = kHalf},
      {.ask = Ask::kZeros, .begin = kHalf, .length = kHalf},
      {.ask = Ask::kZeros, .begin = 0, .length = 512}}},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 1) return 2;
  const std::string name = argv[0];
  const TakenOver given = take_over();
  say(kControl, Hello{});
  Liar(given, name.substr(name.rfind('.') + 1)).tell();
  char end = 0;
  static_cast<void>(::recv(kControl, &end, 1, 0));
  ::_exit(0);
}
