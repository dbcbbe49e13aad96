// SPDX-License-Identifier: GPL-2.0-or-later
//
// Takes images apart that are not trusted. It is started by the library with a socket, is told
// there what to do, and confines itself before it does so; see src/disk/confined/.

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "disk/confined/serve.h"
#include "filesystems/served/examine_disk.h"
#include "restore/take_stream.h"
#include "system/helper_process.h"

int main() {
  using namespace qcow2stream;
  constexpr int kSocket = HelperProcess::kSocket;
  // Whoever has started us may be gone before the first line: then the socket is closed, too.
  const bool is_ready = ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
                        ::syscall(SYS_close_range, kSocket + 1, ~0U, 0) == 0;
  const int status = is_ready ? confined::serve(kSocket, {take_stream, examine_disk}) : 1;
  static_cast<void>(
      std::fputs("qcow2stream-confined: works for the library qcow2stream only\n", stderr));
  return status;
}
