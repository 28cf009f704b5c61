import { JOIN_STAGES, type JoinStage } from '@quorate/shared/joins';
import pc from 'picocolors';

/** The stages of a join as a list on standard error: one line for each, live on a terminal, plain elsewhere. */
export interface JoinProgress {
  /** The last stage that was reached. */
  readonly stage: JoinStage | undefined;
  /** Marks a stage, and any before it, as reached. Repeating one does nothing. */
  reach(stage: JoinStage, detail?: string): void;
  /** What is waited for now. On a terminal the line is replaced; elsewhere a line is written when the text changes. */
  waiting(text: string): void;
  note(text: string): void;
  warn(text: string): void;
  fail(text: string): void;
  done(text: string): void;
}

const LABELS: Record<JoinStage, string> = {
  reached: 'reached',
  pinned: 'pinned: the CA is the expected one',
  admitted: 'admitted',
  certificate_issued: 'certificate issued',
  learner: 'learner: it receives the log',
  caught_up: 'caught up',
  voter: 'voter: it counts for the quorum',
};

export function createJoinProgress(options: {
  write: (text: string) => void;
  tty: boolean;
  color: boolean;
}): JoinProgress {
  const { write, tty } = options;
  const colors = pc.createColors(options.color);
  let reached = -1;
  let pending = '';

  function line(text: string): void {
    const clear = tty && pending !== '' ? '\r\x1b[2K' : '';
    pending = '';
    write(`${clear}${text}\n`);
  }

  function markOne(stage: JoinStage, detail: string): void {
    const [label = '', explanation = ''] = LABELS[stage].split(': ');
    const said = detail || explanation;
    const mark = tty ? `  ${colors.green('✔')} ` : 'join: ';
    line(`${mark}${label}${said === '' ? '' : tty ? colors.dim(`  ${said}`) : `: ${said}`}`);
  }

  return {
    get stage() {
      return JOIN_STAGES[reached];
    },
    reach(stage, detail = '') {
      const target = JOIN_STAGES.indexOf(stage);
      while (reached < target) {
        reached += 1;
        const at = JOIN_STAGES[reached] ?? stage;
        markOne(at, at === stage ? detail : '');
      }
    },
    waiting(text) {
      if (text === pending) return;
      pending = text;
      write(tty ? `\r\x1b[2K  ${colors.cyan('…')} ${text}` : `join: ${text}\n`);
    },
    note: (text) => line(tty ? `    ${text}` : `join: ${text}`),
    warn: (text) => line(`${colors.yellow('warning:')} ${text}`),
    fail: (text) => line(`${tty ? `  ${colors.red('✖')} ` : 'error: '}${text}`),
    done: (text) => line(text),
  };
}
