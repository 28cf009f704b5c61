'use client';

import type { Role } from '@quorate/shared/route';
import { useWriteBlock } from '@/lib/access';
import { Button, type ButtonProps } from './ui/button';
import { Tooltip } from './ui/tooltip';

/** A button that starts a change: stays focusable and says why when the role or the quorum forbids it. */
export function WriteButton({ needs, onClick, ...rest }: ButtonProps & { needs: Role }) {
  const block = useWriteBlock(needs);
  if (block === null) return <Button onClick={onClick} {...rest} />;
  return (
    <Tooltip text={block}>
      <Button {...rest} aria-disabled onClick={(event) => event.preventDefault()} />
    </Tooltip>
  );
}
