// Preloaded into `latchkey serve` when the demonstration starts it: the server ends with the process that started it,
// also where that one was killed and could tell nobody.
const LEAVE_MS = 3000;

// A terminal that is closed is the parent's affair, which then ends the server in order.
process.on('SIGHUP', () => undefined);
process.on('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(0), LEAVE_MS);
});
