/** Header names of the API, in the spelling used on the wire. */
export const HEADER = {
  /** On a write's answer: the log index that contains it. */
  index: 'X-Quorate-Index',
  /** On a read: wait until this node has applied that index. */
  minIndex: 'X-Quorate-Min-Index',
  /** The node that answered. */
  node: 'X-Quorate-Node',
  requestId: 'X-Request-Id',
  /** With an uploaded file that is encrypted: what opens it, as base64url of UTF-8. */
  backupKey: 'X-Quorate-Backup-Key',
  /** Where the output of a job is from: `runner`, or `tail` when only its end is left. */
  output: 'X-Quorate-Output',
  idempotencyKey: 'Idempotency-Key',
} as const;
